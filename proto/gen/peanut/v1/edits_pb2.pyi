import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from peanut.v1 import frames_pb2 as _frames_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TargetKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TARGET_KIND_UNSPECIFIED: _ClassVar[TargetKind]
    TARGET_KIND_OBJECT: _ClassVar[TargetKind]
    TARGET_KIND_EFFECT: _ClassVar[TargetKind]
    TARGET_KIND_HOLDOUT: _ClassVar[TargetKind]
TARGET_KIND_UNSPECIFIED: TargetKind
TARGET_KIND_OBJECT: TargetKind
TARGET_KIND_EFFECT: TargetKind
TARGET_KIND_HOLDOUT: TargetKind

class Edit(_message.Message):
    __slots__ = ("id", "clip", "range", "targets", "approval", "created_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    CLIP_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    APPROVAL_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    clip: _frames_pb2.Clip
    range: _frames_pb2.FrameRange
    targets: _containers.RepeatedCompositeFieldContainer[Target]
    approval: Approval
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., clip: _Optional[_Union[_frames_pb2.Clip, _Mapping]] = ..., range: _Optional[_Union[_frames_pb2.FrameRange, _Mapping]] = ..., targets: _Optional[_Iterable[_Union[Target, _Mapping]]] = ..., approval: _Optional[_Union[Approval, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Target(_message.Message):
    __slots__ = ("id", "name", "prompts", "mask_frames", "revision", "last_revision", "left_out", "kind")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROMPTS_FIELD_NUMBER: _ClassVar[int]
    MASK_FRAMES_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    LAST_REVISION_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    prompts: _containers.RepeatedCompositeFieldContainer[Prompt]
    mask_frames: int
    revision: int
    last_revision: int
    left_out: bool
    kind: TargetKind
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., prompts: _Optional[_Iterable[_Union[Prompt, _Mapping]]] = ..., mask_frames: _Optional[int] = ..., revision: _Optional[int] = ..., last_revision: _Optional[int] = ..., left_out: bool = ..., kind: _Optional[_Union[TargetKind, str]] = ...) -> None: ...

class Prompt(_message.Message):
    __slots__ = ("frame_index", "point", "box", "mask", "text")
    FRAME_INDEX_FIELD_NUMBER: _ClassVar[int]
    POINT_FIELD_NUMBER: _ClassVar[int]
    BOX_FIELD_NUMBER: _ClassVar[int]
    MASK_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    frame_index: int
    point: PointPrompt
    box: BoxPrompt
    mask: MaskPrompt
    text: TextPrompt
    def __init__(self, frame_index: _Optional[int] = ..., point: _Optional[_Union[PointPrompt, _Mapping]] = ..., box: _Optional[_Union[BoxPrompt, _Mapping]] = ..., mask: _Optional[_Union[MaskPrompt, _Mapping]] = ..., text: _Optional[_Union[TextPrompt, _Mapping]] = ...) -> None: ...

class PointPrompt(_message.Message):
    __slots__ = ("x_px", "y_px", "negative")
    X_PX_FIELD_NUMBER: _ClassVar[int]
    Y_PX_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_FIELD_NUMBER: _ClassVar[int]
    x_px: float
    y_px: float
    negative: bool
    def __init__(self, x_px: _Optional[float] = ..., y_px: _Optional[float] = ..., negative: bool = ...) -> None: ...

class BoxPrompt(_message.Message):
    __slots__ = ("x0_px", "y0_px", "x1_px", "y1_px")
    X0_PX_FIELD_NUMBER: _ClassVar[int]
    Y0_PX_FIELD_NUMBER: _ClassVar[int]
    X1_PX_FIELD_NUMBER: _ClassVar[int]
    Y1_PX_FIELD_NUMBER: _ClassVar[int]
    x0_px: float
    y0_px: float
    x1_px: float
    y1_px: float
    def __init__(self, x0_px: _Optional[float] = ..., y0_px: _Optional[float] = ..., x1_px: _Optional[float] = ..., y1_px: _Optional[float] = ...) -> None: ...

class MaskPrompt(_message.Message):
    __slots__ = ("png",)
    PNG_FIELD_NUMBER: _ClassVar[int]
    png: bytes
    def __init__(self, png: _Optional[bytes] = ...) -> None: ...

class TextPrompt(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class Approval(_message.Message):
    __slots__ = ("matte_hash", "grow_px", "feather_px", "approved_at", "refine_px", "effect_feather_px")
    MATTE_HASH_FIELD_NUMBER: _ClassVar[int]
    GROW_PX_FIELD_NUMBER: _ClassVar[int]
    FEATHER_PX_FIELD_NUMBER: _ClassVar[int]
    APPROVED_AT_FIELD_NUMBER: _ClassVar[int]
    REFINE_PX_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FEATHER_PX_FIELD_NUMBER: _ClassVar[int]
    matte_hash: str
    grow_px: int
    feather_px: int
    approved_at: _timestamp_pb2.Timestamp
    refine_px: int
    effect_feather_px: int
    def __init__(self, matte_hash: _Optional[str] = ..., grow_px: _Optional[int] = ..., feather_px: _Optional[int] = ..., approved_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., refine_px: _Optional[int] = ..., effect_feather_px: _Optional[int] = ...) -> None: ...

class ClipRange(_message.Message):
    __slots__ = ("path", "range")
    PATH_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    path: str
    range: _frames_pb2.FrameRange
    def __init__(self, path: _Optional[str] = ..., range: _Optional[_Union[_frames_pb2.FrameRange, _Mapping]] = ...) -> None: ...

class CreateEditRequest(_message.Message):
    __slots__ = ("clip_range", "otio", "rate", "colourspace", "deinterlace")
    CLIP_RANGE_FIELD_NUMBER: _ClassVar[int]
    OTIO_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    COLOURSPACE_FIELD_NUMBER: _ClassVar[int]
    DEINTERLACE_FIELD_NUMBER: _ClassVar[int]
    clip_range: ClipRange
    otio: str
    rate: _frames_pb2.Rate
    colourspace: str
    deinterlace: bool
    def __init__(self, clip_range: _Optional[_Union[ClipRange, _Mapping]] = ..., otio: _Optional[str] = ..., rate: _Optional[_Union[_frames_pb2.Rate, _Mapping]] = ..., colourspace: _Optional[str] = ..., deinterlace: bool = ...) -> None: ...

class CreateEditResponse(_message.Message):
    __slots__ = ("edit",)
    EDIT_FIELD_NUMBER: _ClassVar[int]
    edit: Edit
    def __init__(self, edit: _Optional[_Union[Edit, _Mapping]] = ...) -> None: ...

class GetEditRequest(_message.Message):
    __slots__ = ("edit_id",)
    EDIT_ID_FIELD_NUMBER: _ClassVar[int]
    edit_id: str
    def __init__(self, edit_id: _Optional[str] = ...) -> None: ...

class GetEditResponse(_message.Message):
    __slots__ = ("edit",)
    EDIT_FIELD_NUMBER: _ClassVar[int]
    edit: Edit
    def __init__(self, edit: _Optional[_Union[Edit, _Mapping]] = ...) -> None: ...

class ListEditsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListEditsResponse(_message.Message):
    __slots__ = ("edits",)
    EDITS_FIELD_NUMBER: _ClassVar[int]
    edits: _containers.RepeatedCompositeFieldContainer[Edit]
    def __init__(self, edits: _Optional[_Iterable[_Union[Edit, _Mapping]]] = ...) -> None: ...

class DeleteEditRequest(_message.Message):
    __slots__ = ("edit_id",)
    EDIT_ID_FIELD_NUMBER: _ClassVar[int]
    edit_id: str
    def __init__(self, edit_id: _Optional[str] = ...) -> None: ...

class DeleteEditResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
