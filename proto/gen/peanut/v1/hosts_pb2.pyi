from peanut.v1 import frames_pb2 as _frames_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HostSample(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HOST_SAMPLE_UNSPECIFIED: _ClassVar[HostSample]
    HOST_SAMPLE_U8: _ClassVar[HostSample]
    HOST_SAMPLE_U16: _ClassVar[HostSample]

class HostView(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HOST_VIEW_UNSPECIFIED: _ClassVar[HostView]
    HOST_VIEW_MASK: _ClassVar[HostView]
    HOST_VIEW_MATTE: _ClassVar[HostView]
    HOST_VIEW_PLATE: _ClassVar[HostView]
    HOST_VIEW_RESULT: _ClassVar[HostView]
HOST_SAMPLE_UNSPECIFIED: HostSample
HOST_SAMPLE_U8: HostSample
HOST_SAMPLE_U16: HostSample
HOST_VIEW_UNSPECIFIED: HostView
HOST_VIEW_MASK: HostView
HOST_VIEW_MATTE: HostView
HOST_VIEW_PLATE: HostView
HOST_VIEW_RESULT: HostView

class HostSession(_message.Message):
    __slots__ = ("id", "frames_stored", "frames_total", "clip_path", "output_dir", "transfer_dir")
    ID_FIELD_NUMBER: _ClassVar[int]
    FRAMES_STORED_FIELD_NUMBER: _ClassVar[int]
    FRAMES_TOTAL_FIELD_NUMBER: _ClassVar[int]
    CLIP_PATH_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_DIR_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_DIR_FIELD_NUMBER: _ClassVar[int]
    id: str
    frames_stored: int
    frames_total: int
    clip_path: str
    output_dir: str
    transfer_dir: str
    def __init__(self, id: _Optional[str] = ..., frames_stored: _Optional[int] = ..., frames_total: _Optional[int] = ..., clip_path: _Optional[str] = ..., output_dir: _Optional[str] = ..., transfer_dir: _Optional[str] = ...) -> None: ...

class OpenHostSessionRequest(_message.Message):
    __slots__ = ("session_id", "width", "height", "sample", "rate", "first_time", "frame_count", "pixel_aspect")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    FIRST_TIME_FIELD_NUMBER: _ClassVar[int]
    FRAME_COUNT_FIELD_NUMBER: _ClassVar[int]
    PIXEL_ASPECT_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    width: int
    height: int
    sample: HostSample
    rate: _frames_pb2.Rate
    first_time: int
    frame_count: int
    pixel_aspect: _frames_pb2.Rate
    def __init__(self, session_id: _Optional[str] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., sample: _Optional[_Union[HostSample, str]] = ..., rate: _Optional[_Union[_frames_pb2.Rate, _Mapping]] = ..., first_time: _Optional[int] = ..., frame_count: _Optional[int] = ..., pixel_aspect: _Optional[_Union[_frames_pb2.Rate, _Mapping]] = ...) -> None: ...

class OpenHostSessionResponse(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: HostSession
    def __init__(self, session: _Optional[_Union[HostSession, _Mapping]] = ...) -> None: ...

class PutHostFramesRequest(_message.Message):
    __slots__ = ("session_id", "time", "chunk", "file", "region")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    time: int
    chunk: bytes
    file: str
    region: RegionRows
    def __init__(self, session_id: _Optional[str] = ..., time: _Optional[int] = ..., chunk: _Optional[bytes] = ..., file: _Optional[str] = ..., region: _Optional[_Union[RegionRows, _Mapping]] = ...) -> None: ...

class RegionRows(_message.Message):
    __slots__ = ("region_id", "offset", "stride")
    REGION_ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    STRIDE_FIELD_NUMBER: _ClassVar[int]
    region_id: str
    offset: int
    stride: int
    def __init__(self, region_id: _Optional[str] = ..., offset: _Optional[int] = ..., stride: _Optional[int] = ...) -> None: ...

class HoldRegionRequest(_message.Message):
    __slots__ = ("size_bytes",)
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    size_bytes: int
    def __init__(self, size_bytes: _Optional[int] = ...) -> None: ...

class HoldRegionResponse(_message.Message):
    __slots__ = ("region_id", "path", "size_bytes")
    REGION_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    region_id: str
    path: str
    size_bytes: int
    def __init__(self, region_id: _Optional[str] = ..., path: _Optional[str] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class PutHostFramesResponse(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: HostSession
    def __init__(self, session: _Optional[_Union[HostSession, _Mapping]] = ...) -> None: ...

class FinishHostSessionRequest(_message.Message):
    __slots__ = ("session_id",)
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    def __init__(self, session_id: _Optional[str] = ...) -> None: ...

class FinishHostSessionResponse(_message.Message):
    __slots__ = ("frames_done", "session")
    FRAMES_DONE_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    frames_done: int
    session: HostSession
    def __init__(self, frames_done: _Optional[int] = ..., session: _Optional[_Union[HostSession, _Mapping]] = ...) -> None: ...

class GetHostPictureRequest(_message.Message):
    __slots__ = ("edit_id", "job_id", "view", "frame_index", "width", "height", "sample", "by_file", "into")
    EDIT_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    FRAME_INDEX_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    BY_FILE_FIELD_NUMBER: _ClassVar[int]
    INTO_FIELD_NUMBER: _ClassVar[int]
    edit_id: str
    job_id: str
    view: HostView
    frame_index: int
    width: int
    height: int
    sample: HostSample
    by_file: bool
    into: RegionRows
    def __init__(self, edit_id: _Optional[str] = ..., job_id: _Optional[str] = ..., view: _Optional[_Union[HostView, str]] = ..., frame_index: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., sample: _Optional[_Union[HostSample, str]] = ..., by_file: bool = ..., into: _Optional[_Union[RegionRows, _Mapping]] = ...) -> None: ...

class GetHostPictureResponse(_message.Message):
    __slots__ = ("width", "height", "components", "file", "chunk", "in_region")
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    IN_REGION_FIELD_NUMBER: _ClassVar[int]
    width: int
    height: int
    components: int
    file: str
    chunk: bytes
    in_region: bool
    def __init__(self, width: _Optional[int] = ..., height: _Optional[int] = ..., components: _Optional[int] = ..., file: _Optional[str] = ..., chunk: _Optional[bytes] = ..., in_region: bool = ...) -> None: ...
