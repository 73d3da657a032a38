"""The contract cannot change by accident: generated code, wire numbers, comments, imports."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor, FileDescriptor

from peanut.v1 import (
    edits_pb2,
    errors_pb2,
    frames_pb2,
    hosts_pb2,
    jobs_pb2,
    masks_pb2,
    models_pb2,
    renders_pb2,
    server_pb2,
    store_pb2,
)

ROOT = Path(__file__).resolve().parents[2]
PROTOS = sorted((ROOT / "proto/peanut/v1").glob("*.proto"))
INVENTORY = Path(__file__).with_name("wire_numbers.json")
MODULES = (
    edits_pb2,
    errors_pb2,
    frames_pb2,
    hosts_pb2,
    jobs_pb2,
    masks_pb2,
    models_pb2,
    renders_pb2,
    server_pb2,
    store_pb2,
)


def enum_numbers(enum: EnumDescriptor) -> dict[str, int]:
    return {value.name: value.number for value in enum.values}


def field_facts(field: FieldDescriptor) -> str:
    """Number, type and, of a message, its name: what old clients rely on."""
    kind = field.message_type.name if field.message_type else ""
    return f"{field.number} {field.type} {kind}".strip()


def wire_numbers(file: FileDescriptor) -> dict[str, object]:
    messages = {
        name: {f.name: field_facts(f) for f in m.fields}
        for name, m in file.message_types_by_name.items()
    }
    enums = {name: enum_numbers(e) for name, e in file.enum_types_by_name.items()}
    services = {
        name: {
            m.name: [m.input_type.name, m.output_type.name, m.client_streaming, m.server_streaming]
            for m in s.methods
        }
        for name, s in file.services_by_name.items()
    }
    return {"messages": messages, "enums": enums, "services": services}


def test_wire_numbers_are_those_of_the_inventory():
    actual = {module.DESCRIPTOR.name: wire_numbers(module.DESCRIPTOR) for module in MODULES}
    wanted = json.loads(INVENTORY.read_text())
    assert actual == wanted, (
        "the wire format changed. Adding is fine: update wire_numbers.json with the change. "
        "Removing or renumbering breaks clients: reserve the number instead."
    )


def test_generated_code_is_fresh():
    check = [sys.executable, str(ROOT / "proto" / "generate.py"), "--check"]
    result = subprocess.run(check, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("source", PROTOS, ids=lambda path: path.name)
def test_every_rpc_lists_its_errors_with_advice(source):
    comment: list[str] = []
    for line in source.read_text().splitlines():
        text = line.strip()
        if text.startswith("//"):
            comment.append(text)
            continue
        if text.startswith("rpc "):
            block = "\n".join(comment)
            assert "Errors:" in block, text
            errors = block.split("Errors:")[1]
            assert ":" in errors, text
            assert ";" in errors, f"no advice in the errors of: {text}"
        comment = []


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("peanut_client", ["numpy", "torch", "av", "cv2", "peanut_daemon"]),
        ("peanut_client.cli", ["numpy", "torch", "av", "cv2", "peanut_daemon"]),
        ("peanut_daemon.server", ["torch", "torchvision", "peanut_models.embedded"]),
    ],
)
def test_what_importing_a_process_really_loads(module, forbidden):
    code = f"import sys, {module}; print([m for m in {forbidden} if m in sys.modules])"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.stdout.strip() == "[]", result.stdout + result.stderr
