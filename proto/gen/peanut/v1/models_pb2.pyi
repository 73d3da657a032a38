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
MODEL_STAGE_UNSPECIFIED: ModelStage
MODEL_STAGE_P_MASK: ModelStage
MODEL_STAGE_NOF_ERASER: ModelStage
MODEL_STAGE_UR_NET: ModelStage

class Model(_message.Message):
    __slots__ = ("name", "stage", "description", "licence", "commercial_use", "installed", "terms", "paper")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    LICENCE_FIELD_NUMBER: _ClassVar[int]
    COMMERCIAL_USE_FIELD_NUMBER: _ClassVar[int]
    INSTALLED_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    PAPER_FIELD_NUMBER: _ClassVar[int]
    name: str
    stage: ModelStage
    description: str
    licence: str
    commercial_use: bool
    installed: bool
    terms: str
    paper: str
    def __init__(self, name: _Optional[str] = ..., stage: _Optional[_Union[ModelStage, str]] = ..., description: _Optional[str] = ..., licence: _Optional[str] = ..., commercial_use: bool = ..., installed: bool = ..., terms: _Optional[str] = ..., paper: _Optional[str] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ...) -> None: ...
