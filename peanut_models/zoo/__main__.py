"""Changes the store of weights: `python -m peanut_models.zoo STORE add|remove|verify MODEL [FILE]`.

A process of its own, because checking weights needs torch, which neither the command line nor
the daemon's face loads. Answers with one JSON document.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from peanut_models.errors import ModelError
from peanut_models.zoo import ModelStore, card


def main() -> int:
    """Do what the command line asks; 1 and `{"error": ...}` if it cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m peanut_models.zoo")
    parser.add_argument("store", type=Path)
    parser.add_argument("action", choices=("add", "remove", "verify"))
    parser.add_argument("model")
    parser.add_argument("file", type=Path, nargs="?", default=Path())
    wanted = parser.parse_args()
    try:
        answer = _answer(ModelStore(wanted.store), wanted.action, wanted.model, wanted.file)
    except ModelError as error:
        answer = {"error": {"reason": type(error).__name__, "message": str(error)}}
    sys.stdout.write(json.dumps(answer))
    return 1 if "error" in answer else 0


def _answer(store: ModelStore, action: str, model: str, file: Path) -> dict[str, Any]:
    chosen = card(model)
    if action == "remove":
        return {"model": model, "removed": store.remove(chosen)}
    if action == "verify":
        return asdict(store.verify(chosen))
    from peanut_models.zoo.install import add

    return asdict(add(store, chosen, file))


if __name__ == "__main__":
    sys.exit(main())
