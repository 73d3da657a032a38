from peanut.v1 import edits_pb2 as _edits_pb2
from peanut.v1 import frames_pb2 as _frames_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TrackDirection(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRACK_DIRECTION_UNSPECIFIED: _ClassVar[TrackDirection]
    TRACK_DIRECTION_BOTH: _ClassVar[TrackDirection]
    TRACK_DIRECTION_FORWARD: _ClassVar[TrackDirection]
    TRACK_DIRECTION_BACKWARD: _ClassVar[TrackDirection]
TRACK_DIRECTION_UNSPECIFIED: TrackDirection
TRACK_DIRECTION_BOTH: TrackDirection
TRACK_DIRECTION_FORWARD: TrackDirection
TRACK_DIRECTION_BACKWARD: TrackDirection

class MaskFrame(_message.Message):
    __slots__ = ("target_id", "frame_index", "png", "confidence", "doubt")
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    FRAME_INDEX_FIELD_NUMBER: _ClassVar[int]
    PNG_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    DOUBT_FIELD_NUMBER: _ClassVar[int]
    target_id: str
    frame_index: int
    png: bytes
    confidence: float
    doubt: str
    def __init__(self, target_id: _Optional[str] = ..., frame_index: _Optional[int] = ..., png: _Optional[bytes] = ..., confidence: _Optional[float] = ..., doubt: _Optional[str] = ...) -> None: ...

class TrackMasksRequest(_message.Message):
    __slots__ = ("edit_id", "target_id", "name", "prompts", "playhead_frame", "direction", "p_mask", "kind")
    EDIT_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROMPTS_FIELD_NUMBER: _ClassVar[int]
    PLAYHEAD_FRAME_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    P_MASK_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    edit_id: str
    target_id: str
    name: str
    prompts: _containers.RepeatedCompositeFieldContainer[_edits_pb2.Prompt]
    playhead_frame: int
    direction: TrackDirection
    p_mask: str
    kind: _edits_pb2.TargetKind
    def __init__(self, edit_id: _Optional[str] = ..., target_id: _Optional[str] = ..., name: _Optional[str] = ..., prompts: _Optional[_Iterable[_Union[_edits_pb2.Prompt, _Mapping]]] = ..., playhead_frame: _Optional[int] = ..., direction: _Optional[_Union[TrackDirection, str]] = ..., p_mask: _Optional[str] = ..., kind: _Optional[_Union[_edits_pb2.TargetKind, str]] = ...) -> None: ...

class TrackMasksResponse(_message.Message):
    __slots__ = ("mask", "progress")
    MASK_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    mask: MaskFrame
    progress: TrackProgress
    def __init__(self, mask: _Optional[_Union[MaskFrame, _Mapping]] = ..., progress: _Optional[_Union[TrackProgress, _Mapping]] = ...) -> None: ...

class TrackProgress(_message.Message):
    __slots__ = ("target_id", "frames_done", "frames_total")
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    FRAMES_DONE_FIELD_NUMBER: _ClassVar[int]
    FRAMES_TOTAL_FIELD_NUMBER: _ClassVar[int]
    target_id: str
    frames_done: int
    frames_total: int
    def __init__(self, target_id: _Optional[str] = ..., frames_done: _Optional[int] = ..., frames_total: _Optional[int] = ...) -> None: ...

class UndoPromptsRequest(_message.Message):
    __slots__ = ("edit_id", "target_id", "redo")
    EDIT_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    REDO_FIELD_NUMBER: _ClassVar[int]
    edit_id: str
    target_id: str
    redo: bool
    def __init__(self, edit_id: _Optional[str] = ..., target_id: _Optional[str] = ..., redo: bool = ...) -> None: ...

class UndoPromptsResponse(_message.Message):
    __slots__ = ("target",)
    TARGET_FIELD_NUMBER: _ClassVar[int]
    target: _edits_pb2.Target
    def __init__(self, target: _Optional[_Union[_edits_pb2.Target, _Mapping]] = ...) -> None: ...

class FetchMasksRequest(_message.Message):
    __slots__ = ("edit_id", "target_id", "range")
    EDIT_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    edit_id: str
    target_id: str
    range: _frames_pb2.FrameRange
    def __init__(self, edit_id: _Optional[str] = ..., target_id: _Optional[str] = ..., range: _Optional[_Union[_frames_pb2.FrameRange, _Mapping]] = ...) -> None: ...

class FetchMasksResponse(_message.Message):
    __slots__ = ("mask",)
    MASK_FIELD_NUMBER: _ClassVar[int]
    mask: MaskFrame
    def __init__(self, mask: _Optional[_Union[MaskFrame, _Mapping]] = ...) -> None: ...

class ApproveMasksRequest(_message.Message):
    __slots__ = ("edit_id", "grow_px", "feather_px", "refine_px", "effect_feather_px")
    EDIT_ID_FIELD_NUMBER: _ClassVar[int]
    GROW_PX_FIELD_NUMBER: _ClassVar[int]
    FEATHER_PX_FIELD_NUMBER: _ClassVar[int]
    REFINE_PX_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FEATHER_PX_FIELD_NUMBER: _ClassVar[int]
    edit_id: str
    grow_px: int
    feather_px: int
    refine_px: int
    effect_feather_px: int
    def __init__(self, edit_id: _Optional[str] = ..., grow_px: _Optional[int] = ..., feather_px: _Optional[int] = ..., refine_px: _Optional[int] = ..., effect_feather_px: _Optional[int] = ...) -> None: ...

class DrawMatteEdgeRequest(_message.Message):
    __slots__ = ("matte", "frame_indices")
    MATTE_FIELD_NUMBER: _ClassVar[int]
    FRAME_INDICES_FIELD_NUMBER: _ClassVar[int]
    matte: ApproveMasksRequest
    frame_indices: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, matte: _Optional[_Union[ApproveMasksRequest, _Mapping]] = ..., frame_indices: _Optional[_Iterable[int]] = ...) -> None: ...

class DrawMatteEdgeResponse(_message.Message):
    __slots__ = ("png",)
    PNG_FIELD_NUMBER: _ClassVar[int]
    png: bytes
    def __init__(self, png: _Optional[bytes] = ...) -> None: ...

class ApproveMasksResponse(_message.Message):
    __slots__ = ("approval",)
    APPROVAL_FIELD_NUMBER: _ClassVar[int]
    approval: _edits_pb2.Approval
    def __init__(self, approval: _Optional[_Union[_edits_pb2.Approval, _Mapping]] = ...) -> None: ...
