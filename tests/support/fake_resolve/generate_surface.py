"""The documented scripting surface as a small file that the fake is held to.

    python generate_surface.py FACTS.json surface.json

FACTS.json lists classes, methods, parameters and first versions, compiled from the public notes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def surface_of(facts: dict[str, Any]) -> dict[str, Any]:
    """Per class and method: the first version, and how many arguments it takes."""
    classes = {
        name: {method: _method(entry) for method, entry in sorted(methods.items())}
        for name, methods in sorted(facts["classes"].items())
    }
    constants = facts["constants"]
    return {
        "classes": classes,
        "exports": {
            **{name: _version(since) for name, since in constants["export_types"].items()},
            **{name: [17, 4, 5] for name in constants["export_subtypes"]},
        },
        "clip_colours": constants["clip_colors"],
        "marker_colours": constants["marker_colors"],
        "pages": constants["pages"],
        "writable_clip_properties": sorted(
            name for name, entry in facts["clip_properties"].items() if entry["writable"]
        ),
    }


def _method(entry: dict[str, Any]) -> list[Any]:
    needed = sum(1 for parameter in entry["params"] if not parameter.get("optional"))
    return [_version(entry["since"]), needed, len(entry["params"])]


def _version(text: str) -> list[int]:
    parts = [int(part) for part in text.lstrip("<=").split(".")]
    return [*parts, 0, 0][:3]


def main() -> None:
    source, target = map(Path, sys.argv[1:3])
    surface = surface_of(json.loads(source.read_text(encoding="utf-8")))
    target.write_text(dumped(surface), encoding="utf-8")


def dumped(surface: dict[str, Any]) -> str:
    """One line per method, so that changes can be read."""
    lines = ["{"]
    for key, value in surface.items():
        if key == "classes":
            lines.append(' "classes": {')
            for name, methods in value.items():
                rows = [f"   {json.dumps(m)}: {json.dumps(e)}" for m, e in methods.items()]
                lines += [f"  {json.dumps(name)}: {{", ",\n".join(rows), "  },"]
            lines[-1] = "  }"
            lines.append(" },")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value)},")
    lines[-1] = lines[-1].rstrip(",")
    return "\n".join([*lines, "}"]) + "\n"


if __name__ == "__main__":
    main()
