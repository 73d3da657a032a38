"""Protobuf messages as JSON documents for `--json`.

Not protobuf's own JSON form: that writes 64-bit numbers as strings and enums with their prefix,
and leaves out what is zero, which scripts would have to undo.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp


def message_document(message: Message) -> dict[str, Any]:
    """All fields of a message by their name in the contract.

    Enum values are in lower case without prefix, times in ISO 8601 (UTC), unset messages null;
    bytes are replaced by their number, and of a oneof only the member that is set appears.
    """
    document: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        if field.containing_oneof is not None and not message.HasField(field.name):
            continue
        value = getattr(message, field.name)
        if field.is_repeated:
            document[field.name] = [_value(field, item) for item in value]
        elif field.message_type is not None and not message.HasField(field.name):
            document[field.name] = None
        else:
            document[field.name] = _value(field, value)
    return document


def _value(field: Any, value: Any) -> Any:
    if isinstance(value, Timestamp):
        return value.ToDatetime().isoformat(timespec="milliseconds") + "Z"
    if isinstance(value, Message):
        return message_document(value)
    if field.enum_type is not None:
        return enum_word(field.enum_type, value)
    return len(value) if isinstance(value, bytes) else value


def enum_word(enum: EnumDescriptor, number: int) -> str:
    """`JOB_STATE_RUNNING` as `running`: the value's name without its enum's prefix."""
    known = enum.values_by_number.get(number)
    if known is None:
        return str(number)
    prefix = "".join(f"_{c}" if c.isupper() else c for c in enum.name).lstrip("_").upper()
    return known.name.removeprefix(f"{prefix}_").lower()
