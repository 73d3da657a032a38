from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class Error(_message.Message):
    __slots__ = ("reason", "message", "retryable", "incident_id")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    INCIDENT_ID_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    retryable: bool
    incident_id: str
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ..., retryable: bool = ..., incident_id: _Optional[str] = ...) -> None: ...
