"""Messages for the wire: random ones of every request type, and bytes that were tampered with."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf.descriptor import FieldDescriptor, FileDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from peanut.v1 import (
    edits_pb2,
    hosts_pb2,
    jobs_pb2,
    masks_pb2,
    models_pb2,
    renders_pb2,
    server_pb2,
    store_pb2,
)

FILES: tuple[FileDescriptor, ...] = tuple(
    module.DESCRIPTOR
    for module in (
        edits_pb2,
        hosts_pb2,
        jobs_pb2,
        masks_pb2,
        models_pb2,
        renders_pb2,
        server_pb2,
        store_pb2,
    )
)
# It would end what is tested; it is called without the token only.
ENDS_THE_DAEMON = "Shutdown"

_INTEGERS = (0, 1, -1, 2, 7, 64, 255, 1000, 2**31 - 1, -(2**31))
_LONG_INTEGERS = (*_INTEGERS, 2**53, 2**63 - 1, -(2**63))
_FLOATS = (0.0, 1.0, -1.0, 0.5, 20.0, 1e-38, 1e38, float("nan"), float("inf"), float("-inf"))
_TEXTS = (
    *("", " ", "1", "a", "embedded", "auto", "\0", "\n", "../../etc/passwd", "/etc/passwd"),
    *(
        "/dev/zero",
        "/" + "n" * 5000,
        "/proc/self/mem",
        "concat:/etc/passwd",
        "http://127.0.0.1/",
        "%2e%2e%2f",
    ),
    *("'; DROP TABLE edits; --", "{}", "[" * 400, "n" * 5000, "\u202e\U0001f4a9\u0000", "NaN"),
    *('{"OTIO_SCHEMA":"Clip.1"}', '{"OTIO_SCHEMA":"Timeline.1","tracks":null}', "/tmp"),
)
_BYTES = (b"", b"\0", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\xff" * 16)


@dataclass(frozen=True, slots=True)
class Rpc:
    """One method of a service."""

    path: str
    method: MethodDescriptor

    @property
    def name(self) -> str:
        """Without its service."""
        return str(self.method.name)


def rpcs() -> list[Rpc]:
    """All methods of the contract."""
    return [
        Rpc(f"/{service.full_name}/{method.name}", method)
        for file in FILES
        for service in file.services_by_name.values()
        for method in service.methods
    ]


class Maker:
    """Makes requests; `known` texts (ids, paths) let some of them get past the first check."""

    def __init__(self, seed: int, known: tuple[str, ...] = ()) -> None:
        self.random = random.Random(seed)
        self.known = known

    def requests(self, rpc: Rpc) -> list[bytes]:
        """The messages of one call, serialized; about half of them tampered with."""
        count = self.random.choice((0, 1, 1, 2, 4)) if rpc.method.client_streaming else 1
        return [self._request(rpc) for _ in range(count)]

    def _request(self, rpc: Rpc) -> bytes:
        message = GetMessageClass(rpc.method.input_type)()
        self._fill(message, depth=0)
        content = bytes(message.SerializeToString())
        return self.tampered(content) if self.random.random() < 0.4 else content

    def tampered(self, content: bytes) -> bytes:
        """Some bytes changed, added, taken away or repeated."""
        data = bytearray(content or b"\x0a\x01a")
        for _ in range(self.random.choice((1, 1, 2, 8))):
            at = self.random.randrange(len(data) + 1)
            piece = data[at : at + self.random.randrange(1, 17)]
            match self.random.randrange(5):
                case 0 if at < len(data):
                    data[at] = self.random.randrange(256)
                case 1:
                    del data[at : at + len(piece)]
                case 2:
                    data[at:at] = piece * self.random.choice((1, 2, 50))
                case 3:
                    data[at:at] = self.random.randbytes(self.random.randrange(1, 9))
                case _:
                    del data[at:]
            if not data:
                break
        return bytes(data)

    def _fill(self, message: Message, depth: int) -> None:
        for field in self._chosen(message):
            if field.is_repeated:
                for _ in range(self.random.choice((0, 1, 1, 2, 5, 60 if depth < 2 else 1))):
                    self._add(message, field, depth)
            elif field.message_type is not None:
                getattr(message, field.name).SetInParent()
                if depth < 5:
                    self._fill(getattr(message, field.name), depth + 1)
            else:
                setattr(message, field.name, self._value(field))

    def _chosen(self, message: Message) -> Iterator[FieldDescriptor]:
        taken = {
            oneof.name: self.random.choice(list(oneof.fields)).name
            for oneof in message.DESCRIPTOR.oneofs
        }
        for field in message.DESCRIPTOR.fields:
            oneof = field.containing_oneof
            if oneof is not None and taken[oneof.name] != field.name:
                continue
            if self.random.random() < 0.85:
                yield field

    def _add(self, message: Message, field: FieldDescriptor, depth: int) -> None:
        values = getattr(message, field.name)
        if field.message_type is None:
            values.append(self._value(field))
        elif depth < 5:
            self._fill(values.add(), depth + 1)

    def _value(self, field: FieldDescriptor) -> object:
        pick = self.random.choice
        kinds = FieldDescriptor
        if field.type == kinds.TYPE_STRING:
            return pick(self.known) if self.known and self.random.random() < 0.7 else pick(_TEXTS)
        if field.type == kinds.TYPE_BYTES:
            return pick(_BYTES) + self.random.randbytes(self.random.choice((0, 3, 300)))
        if field.type == kinds.TYPE_BOOL:
            return self.random.random() < 0.5
        if field.type in (kinds.TYPE_FLOAT, kinds.TYPE_DOUBLE):
            return pick(_FLOATS) if self.random.random() < 0.5 else self.random.uniform(0, 60)
        if field.type == kinds.TYPE_ENUM:
            return pick((*field.enum_type.values_by_number, 99))
        if field.type in (kinds.TYPE_UINT32, kinds.TYPE_UINT64, kinds.TYPE_FIXED32):
            return abs(pick(_INTEGERS))
        if self.random.random() < 0.5:
            return self.random.randrange(4)
        wide = field.type in (kinds.TYPE_INT64, kinds.TYPE_SINT64, kinds.TYPE_SFIXED64)
        return pick(_LONG_INTEGERS if wide else _INTEGERS)
