from peanut.v1 import frames_pb2 as _frames_pb2
from peanut.v1 import jobs_pb2 as _jobs_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Deliverable(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DELIVERABLE_UNSPECIFIED: _ClassVar[Deliverable]
    DELIVERABLE_PATCH: _ClassVar[Deliverable]
    DELIVERABLE_FULL: _ClassVar[Deliverable]
    DELIVERABLE_UPSCALED: _ClassVar[Deliverable]

class Codec(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CODEC_UNSPECIFIED: _ClassVar[Codec]
    CODEC_FFV1: _ClassVar[Codec]
    CODEC_PRORES_HQ: _ClassVar[Codec]
    CODEC_PRORES_4444: _ClassVar[Codec]
    CODEC_H264: _ClassVar[Codec]
    CODEC_PRORES_422: _ClassVar[Codec]
    CODEC_DNXHR_HQ: _ClassVar[Codec]
    CODEC_DNXHR_HQX: _ClassVar[Codec]
    CODEC_DNXHR_444: _ClassVar[Codec]
    CODEC_H264_10: _ClassVar[Codec]
    CODEC_H265: _ClassVar[Codec]
    CODEC_H265_10: _ClassVar[Codec]
    CODEC_EXR: _ClassVar[Codec]
    CODEC_TIFF: _ClassVar[Codec]
    CODEC_PNG: _ClassVar[Codec]
    CODEC_DPX: _ClassVar[Codec]
DELIVERABLE_UNSPECIFIED: Deliverable
DELIVERABLE_PATCH: Deliverable
DELIVERABLE_FULL: Deliverable
DELIVERABLE_UPSCALED: Deliverable
CODEC_UNSPECIFIED: Codec
CODEC_FFV1: Codec
CODEC_PRORES_HQ: Codec
CODEC_PRORES_4444: Codec
CODEC_H264: Codec
CODEC_PRORES_422: Codec
CODEC_DNXHR_HQ: Codec
CODEC_DNXHR_HQX: Codec
CODEC_DNXHR_444: Codec
CODEC_H264_10: Codec
CODEC_H265: Codec
CODEC_H265_10: Codec
CODEC_EXR: Codec
CODEC_TIFF: Codec
CODEC_PNG: Codec
CODEC_DPX: Codec

class StartRenderRequest(_message.Message):
    __slots__ = ("edit_id", "deliverable", "codec", "output_path", "overwrite", "profile", "nof_eraser", "donor_paths", "donor_confidence", "ur_net", "working_size", "window_frames", "cuts", "versioned", "no_proof", "no_grain")
    EDIT_ID_FIELD_NUMBER: _ClassVar[int]
    DELIVERABLE_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_PATH_FIELD_NUMBER: _ClassVar[int]
    OVERWRITE_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    NOF_ERASER_FIELD_NUMBER: _ClassVar[int]
    DONOR_PATHS_FIELD_NUMBER: _ClassVar[int]
    DONOR_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    UR_NET_FIELD_NUMBER: _ClassVar[int]
    WORKING_SIZE_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FRAMES_FIELD_NUMBER: _ClassVar[int]
    CUTS_FIELD_NUMBER: _ClassVar[int]
    VERSIONED_FIELD_NUMBER: _ClassVar[int]
    NO_PROOF_FIELD_NUMBER: _ClassVar[int]
    NO_GRAIN_FIELD_NUMBER: _ClassVar[int]
    edit_id: str
    deliverable: Deliverable
    codec: Codec
    output_path: str
    overwrite: bool
    profile: str
    nof_eraser: str
    donor_paths: _containers.RepeatedScalarFieldContainer[str]
    donor_confidence: float
    ur_net: str
    working_size: str
    window_frames: int
    cuts: Cuts
    versioned: bool
    no_proof: bool
    no_grain: bool
    def __init__(self, edit_id: _Optional[str] = ..., deliverable: _Optional[_Union[Deliverable, str]] = ..., codec: _Optional[_Union[Codec, str]] = ..., output_path: _Optional[str] = ..., overwrite: bool = ..., profile: _Optional[str] = ..., nof_eraser: _Optional[str] = ..., donor_paths: _Optional[_Iterable[str]] = ..., donor_confidence: _Optional[float] = ..., ur_net: _Optional[str] = ..., working_size: _Optional[str] = ..., window_frames: _Optional[int] = ..., cuts: _Optional[_Union[Cuts, _Mapping]] = ..., versioned: bool = ..., no_proof: bool = ..., no_grain: bool = ...) -> None: ...

class Cuts(_message.Message):
    __slots__ = ("frame_indices",)
    FRAME_INDICES_FIELD_NUMBER: _ClassVar[int]
    frame_indices: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, frame_indices: _Optional[_Iterable[int]] = ...) -> None: ...

class StartRenderResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: _jobs_pb2.Job
    def __init__(self, job: _Optional[_Union[_jobs_pb2.Job, _Mapping]] = ...) -> None: ...

class FetchFramesRequest(_message.Message):
    __slots__ = ("job_id", "range")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    range: _frames_pb2.FrameRange
    def __init__(self, job_id: _Optional[str] = ..., range: _Optional[_Union[_frames_pb2.FrameRange, _Mapping]] = ...) -> None: ...

class FetchFramesResponse(_message.Message):
    __slots__ = ("frame_index", "png")
    FRAME_INDEX_FIELD_NUMBER: _ClassVar[int]
    PNG_FIELD_NUMBER: _ClassVar[int]
    frame_index: int
    png: bytes
    def __init__(self, frame_index: _Optional[int] = ..., png: _Optional[bytes] = ...) -> None: ...
