from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ModelStage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODEL_STAGE_UNSPECIFIED: _ClassVar[ModelStage]
    MODEL_STAGE_P_MASK: _ClassVar[ModelStage]
    MODEL_STAGE_NOF_ERASER: _ClassVar[ModelStage]
    MODEL_STAGE_UR_NET: _ClassVar[ModelStage]

class Commercial(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMMERCIAL_UNSPECIFIED: _ClassVar[Commercial]
    COMMERCIAL_YES: _ClassVar[Commercial]
    COMMERCIAL_NO: _ClassVar[Commercial]
    COMMERCIAL_CONDITIONS: _ClassVar[Commercial]
MODEL_STAGE_UNSPECIFIED: ModelStage
MODEL_STAGE_P_MASK: ModelStage
MODEL_STAGE_NOF_ERASER: ModelStage
MODEL_STAGE_UR_NET: ModelStage
COMMERCIAL_UNSPECIFIED: Commercial
COMMERCIAL_YES: Commercial
COMMERCIAL_NO: Commercial
COMMERCIAL_CONDITIONS: Commercial

class ModelFile(_message.Message):
    __slots__ = ("name", "url", "size_bytes", "sha256", "recorded_sha256")
    NAME_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    RECORDED_SHA256_FIELD_NUMBER: _ClassVar[int]
    name: str
    url: str
    size_bytes: int
    sha256: str
    recorded_sha256: str
    def __init__(self, name: _Optional[str] = ..., url: _Optional[str] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[str] = ..., recorded_sha256: _Optional[str] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("name", "stage", "description", "licence", "commercial_use", "installed", "terms", "paper", "commercial", "good_for", "origin", "files", "requires", "profiles", "auxiliary", "understands_text", "weights_sha256")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    LICENCE_FIELD_NUMBER: _ClassVar[int]
    COMMERCIAL_USE_FIELD_NUMBER: _ClassVar[int]
    INSTALLED_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    PAPER_FIELD_NUMBER: _ClassVar[int]
    COMMERCIAL_FIELD_NUMBER: _ClassVar[int]
    GOOD_FOR_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    REQUIRES_FIELD_NUMBER: _ClassVar[int]
    PROFILES_FIELD_NUMBER: _ClassVar[int]
    AUXILIARY_FIELD_NUMBER: _ClassVar[int]
    UNDERSTANDS_TEXT_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_SHA256_FIELD_NUMBER: _ClassVar[int]
    name: str
    stage: ModelStage
    description: str
    licence: str
    commercial_use: bool
    installed: bool
    terms: str
    paper: str
    commercial: Commercial
    good_for: str
    origin: str
    files: _containers.RepeatedCompositeFieldContainer[ModelFile]
    requires: _containers.RepeatedScalarFieldContainer[str]
    profiles: _containers.RepeatedScalarFieldContainer[str]
    auxiliary: bool
    understands_text: bool
    weights_sha256: str
    def __init__(self, name: _Optional[str] = ..., stage: _Optional[_Union[ModelStage, str]] = ..., description: _Optional[str] = ..., licence: _Optional[str] = ..., commercial_use: bool = ..., installed: bool = ..., terms: _Optional[str] = ..., paper: _Optional[str] = ..., commercial: _Optional[_Union[Commercial, str]] = ..., good_for: _Optional[str] = ..., origin: _Optional[str] = ..., files: _Optional[_Iterable[_Union[ModelFile, _Mapping]]] = ..., requires: _Optional[_Iterable[str]] = ..., profiles: _Optional[_Iterable[str]] = ..., auxiliary: bool = ..., understands_text: bool = ..., weights_sha256: _Optional[str] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ...) -> None: ...
