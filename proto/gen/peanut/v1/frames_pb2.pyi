from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FrameRange(_message.Message):
    __slots__ = ("start_frame", "end_frame")
    START_FRAME_FIELD_NUMBER: _ClassVar[int]
    END_FRAME_FIELD_NUMBER: _ClassVar[int]
    start_frame: int
    end_frame: int
    def __init__(self, start_frame: _Optional[int] = ..., end_frame: _Optional[int] = ...) -> None: ...

class Rate(_message.Message):
    __slots__ = ("num", "den")
    NUM_FIELD_NUMBER: _ClassVar[int]
    DEN_FIELD_NUMBER: _ClassVar[int]
    num: int
    den: int
    def __init__(self, num: _Optional[int] = ..., den: _Optional[int] = ...) -> None: ...

class Clip(_message.Message):
    __slots__ = ("path", "width", "height", "rate", "frame_count", "start_timecode", "pixel_format", "has_audio", "fingerprint")
    PATH_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    FRAME_COUNT_FIELD_NUMBER: _ClassVar[int]
    START_TIMECODE_FIELD_NUMBER: _ClassVar[int]
    PIXEL_FORMAT_FIELD_NUMBER: _ClassVar[int]
    HAS_AUDIO_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    path: str
    width: int
    height: int
    rate: Rate
    frame_count: int
    start_timecode: str
    pixel_format: str
    has_audio: bool
    fingerprint: str
    def __init__(self, path: _Optional[str] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., rate: _Optional[_Union[Rate, _Mapping]] = ..., frame_count: _Optional[int] = ..., start_timecode: _Optional[str] = ..., pixel_format: _Optional[str] = ..., has_audio: bool = ..., fingerprint: _Optional[str] = ...) -> None: ...
