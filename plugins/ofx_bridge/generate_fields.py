"""Makes the C header with the contract's numbers from the `.proto` files, their only place.

python3 generate_fields.py PROTO_FOLDER HEADER
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_BLOCK = re.compile(r"(message|enum|service|oneof) (\w+) \{(\})?$")
_FIELD = re.compile(r"(?:repeated |optional )?[\w.]+ (\w+) = (\d+);$")
_VALUE = re.compile(r"(\w+) = (\d+);$")
_RPC = re.compile(r"rpc (\w+)\(")


def defines(source: str) -> list[str]:
    """The `#define` lines of one file of the contract."""
    package = re.search(r"^package ([\w.]+);", source, re.MULTILINE)
    if package is None:
        raise SystemExit("a .proto file without a package")
    lines: list[str] = []
    blocks: list[tuple[str, str]] = []
    for raw in source.splitlines():
        line = raw.split("//")[0].strip()
        if block := _BLOCK.match(line):
            if not block[3]:
                blocks.append((block[1], block[2]))
        elif line == "}":
            blocks.pop()
        elif blocks:
            lines += _entry(line, package[1], *next(b for b in reversed(blocks) if b[0] != "oneof"))
    return lines


def _entry(line: str, package: str, kind: str, name: str) -> list[str]:
    if kind == "service" and (rpc := _RPC.match(line)):
        return [f'#define RPC_{_constant(name)}_{_constant(rpc[1])} "/{package}.{name}/{rpc[1]}"']
    if kind == "enum" and (value := _VALUE.match(line)):
        return [f"#define {value[1]} {value[2]}"]
    if kind == "message" and (field := _FIELD.match(line)):
        return [f"#define PB_{_constant(name)}_{field[1].upper()} {field[2]}"]
    return []


def _constant(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def main() -> None:
    """Write the header; an unchanged one keeps its time, so that nothing is built again."""
    folder, target = Path(sys.argv[1]), Path(sys.argv[2])
    lines = ["/* Made by generate_fields.py from the contract. */", "#ifndef PEANUT_FIELDS_H"]
    lines.append("#define PEANUT_FIELDS_H")
    for path in sorted(folder.glob("*.proto")):
        lines += ["", f"/* {path.name} */", *defines(path.read_text(encoding="utf-8"))]
    text = "\n".join([*lines, "", "#endif", ""])
    if not target.is_file() or target.read_text(encoding="utf-8") != text:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
