from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Store(_message.Message):
    __slots__ = ("folder", "artifacts", "size_bytes", "needed_bytes", "budget_bytes", "free_bytes")
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    NEEDED_BYTES_FIELD_NUMBER: _ClassVar[int]
    BUDGET_BYTES_FIELD_NUMBER: _ClassVar[int]
    FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    folder: str
    artifacts: int
    size_bytes: int
    needed_bytes: int
    budget_bytes: int
    free_bytes: int
    def __init__(self, folder: _Optional[str] = ..., artifacts: _Optional[int] = ..., size_bytes: _Optional[int] = ..., needed_bytes: _Optional[int] = ..., budget_bytes: _Optional[int] = ..., free_bytes: _Optional[int] = ...) -> None: ...

class GetStoreRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStoreResponse(_message.Message):
    __slots__ = ("store",)
    STORE_FIELD_NUMBER: _ClassVar[int]
    store: Store
    def __init__(self, store: _Optional[_Union[Store, _Mapping]] = ...) -> None: ...

class CleanStoreRequest(_message.Message):
    __slots__ = ("budget_bytes",)
    BUDGET_BYTES_FIELD_NUMBER: _ClassVar[int]
    budget_bytes: int
    def __init__(self, budget_bytes: _Optional[int] = ...) -> None: ...

class CleanStoreResponse(_message.Message):
    __slots__ = ("store", "removed_artifacts", "removed_leftovers", "freed_bytes")
    STORE_FIELD_NUMBER: _ClassVar[int]
    REMOVED_ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    REMOVED_LEFTOVERS_FIELD_NUMBER: _ClassVar[int]
    FREED_BYTES_FIELD_NUMBER: _ClassVar[int]
    store: Store
    removed_artifacts: int
    removed_leftovers: int
    freed_bytes: int
    def __init__(self, store: _Optional[_Union[Store, _Mapping]] = ..., removed_artifacts: _Optional[int] = ..., removed_leftovers: _Optional[int] = ..., freed_bytes: _Optional[int] = ...) -> None: ...
