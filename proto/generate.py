"""Makes `proto/gen/` from the `.proto` files; with `--check`, only compares."""

from __future__ import annotations

import argparse
import filecmp
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

PROTO_ROOT = Path(__file__).resolve().parent
GENERATED_ROOT = PROTO_ROOT / "gen"
PACKAGE = Path("peanut/v1")


def generate(into: Path) -> None:
    """Compile every `.proto` of the package into the folder `into`."""
    sources = sorted((PROTO_ROOT / PACKAGE).glob("*.proto"))
    well_known_types = files("grpc_tools") / "_proto"
    status = protoc.main(
        [
            "protoc",
            f"--proto_path={PROTO_ROOT}",
            f"--proto_path={well_known_types}",
            f"--python_out={into}",
            f"--pyi_out={into}",
            f"--grpc_python_out={into}",
            *(str(source) for source in sources),
        ]
    )
    if status != 0:
        raise SystemExit(f"protoc failed with exit status {status}: see its messages above")


def stale_files() -> list[str]:
    """Names of generated files that are missing, left over or differ from what protoc makes now."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh, committed = Path(folder) / PACKAGE, GENERATED_ROOT / PACKAGE
        names = {p.name for p in [*fresh.iterdir(), *committed.glob("*_pb2*")]}
        same, _, _ = filecmp.cmpfiles(fresh, committed, names, shallow=False)
    return sorted(names - set(same))


def main() -> None:
    """Generate, or compare and exit with 1 where something is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    if not parser.parse_args().check:
        generate(GENERATED_ROOT)
    elif stale := stale_files():
        sys.exit(f"stale generated code: {', '.join(stale)}; run: python proto/generate.py")


if __name__ == "__main__":
    main()
