import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetServerInfoRequest(_message.Message):
    __slots__ = ("api_minor",)
    API_MINOR_FIELD_NUMBER: _ClassVar[int]
    api_minor: int
    def __init__(self, api_minor: _Optional[int] = ...) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("version", "api_minor_lowest", "api_minor_highest", "devices", "profiles", "limits", "worker", "data_dir", "workers", "tasks")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    API_MINOR_LOWEST_FIELD_NUMBER: _ClassVar[int]
    API_MINOR_HIGHEST_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    PROFILES_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    DATA_DIR_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    version: str
    api_minor_lowest: int
    api_minor_highest: int
    devices: _containers.RepeatedCompositeFieldContainer[Device]
    profiles: _containers.RepeatedCompositeFieldContainer[Profile]
    limits: Limits
    worker: Worker
    data_dir: str
    workers: _containers.RepeatedCompositeFieldContainer[Worker]
    tasks: _containers.RepeatedCompositeFieldContainer[Task]
    def __init__(self, version: _Optional[str] = ..., api_minor_lowest: _Optional[int] = ..., api_minor_highest: _Optional[int] = ..., devices: _Optional[_Iterable[_Union[Device, _Mapping]]] = ..., profiles: _Optional[_Iterable[_Union[Profile, _Mapping]]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., worker: _Optional[_Union[Worker, _Mapping]] = ..., data_dir: _Optional[str] = ..., workers: _Optional[_Iterable[_Union[Worker, _Mapping]]] = ..., tasks: _Optional[_Iterable[_Union[Task, _Mapping]]] = ...) -> None: ...

class Device(_message.Message):
    __slots__ = ("name", "description", "memory_bytes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    memory_bytes: int
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., memory_bytes: _Optional[int] = ...) -> None: ...

class Profile(_message.Message):
    __slots__ = ("name", "p_mask", "nof_eraser", "ur_net", "ready")
    NAME_FIELD_NUMBER: _ClassVar[int]
    P_MASK_FIELD_NUMBER: _ClassVar[int]
    NOF_ERASER_FIELD_NUMBER: _ClassVar[int]
    UR_NET_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    name: str
    p_mask: str
    nof_eraser: str
    ur_net: str
    ready: bool
    def __init__(self, name: _Optional[str] = ..., p_mask: _Optional[str] = ..., nof_eraser: _Optional[str] = ..., ur_net: _Optional[str] = ..., ready: bool = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_queued_jobs", "max_message_bytes", "working_long_side_px", "window_frames")
    MAX_QUEUED_JOBS_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    WORKING_LONG_SIDE_PX_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FRAMES_FIELD_NUMBER: _ClassVar[int]
    max_queued_jobs: int
    max_message_bytes: int
    working_long_side_px: int
    window_frames: int
    def __init__(self, max_queued_jobs: _Optional[int] = ..., max_message_bytes: _Optional[int] = ..., working_long_side_px: _Optional[int] = ..., window_frames: _Optional[int] = ...) -> None: ...

class Worker(_message.Message):
    __slots__ = ("ready", "pid", "restarts", "device", "job_id", "models", "busy")
    READY_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    RESTARTS_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    BUSY_FIELD_NUMBER: _ClassVar[int]
    ready: bool
    pid: int
    restarts: int
    device: str
    job_id: str
    models: _containers.RepeatedCompositeFieldContainer[LoadedModel]
    busy: bool
    def __init__(self, ready: bool = ..., pid: _Optional[int] = ..., restarts: _Optional[int] = ..., device: _Optional[str] = ..., job_id: _Optional[str] = ..., models: _Optional[_Iterable[_Union[LoadedModel, _Mapping]]] = ..., busy: bool = ...) -> None: ...

class LoadedModel(_message.Message):
    __slots__ = ("name", "device", "size_bytes", "expires_at")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    name: str
    device: str
    size_bytes: int
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., device: _Optional[str] = ..., size_bytes: _Optional[int] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Task(_message.Message):
    __slots__ = ("kind", "client", "running", "age_s")
    KIND_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    AGE_S_FIELD_NUMBER: _ClassVar[int]
    kind: str
    client: str
    running: bool
    age_s: float
    def __init__(self, kind: _Optional[str] = ..., client: _Optional[str] = ..., running: bool = ..., age_s: _Optional[float] = ...) -> None: ...

class ShutdownRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ShutdownResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
