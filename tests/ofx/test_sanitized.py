"""The plugin under the address and undefined-behaviour sanitizers: a step aside ends it."""

import os
import subprocess
import sys
from pathlib import Path

from support.ofx_fixtures import run_child

from peanut_client import plugins_ofx


def test_the_parts(sanitized):
    folder, environment = sanitized
    script = Path(__file__).with_name("parts_child.py")
    command = [sys.executable, str(script), str(folder / "peanut_internals.so")]
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "passed" in done.stdout


def test_without_a_daemon(sanitized, tmp_path):
    folder, environment = sanitized
    binary = plugins_ofx.binary_in(folder / plugins_ofx.BUNDLE)
    run_child(binary, "all_of_these", environment | {"PEANUT_DATA_DIR": str(tmp_path)})
    for folder_of_none in (tmp_path / "a", tmp_path / "b"):
        folder_of_none.mkdir()
    (tmp_path / "b/daemon.json").write_text('{"address": "127.0.0.1:1", "token": "t"}')
    data_dirs = {name: str(tmp_path / name) for name in ("a", "b")}
    run_child(binary, "away_from", environment, data_dirs=data_dirs)


def test_with_a_daemon(sanitized, daemon, project, frames, masks, tmp_path):
    """By chunks, with masks and a float host: the parts that the other tests of this file leave."""
    folder, environment = sanitized
    binary = plugins_ofx.binary_in(folder / plugins_ofx.BUNDLE)
    more = {"PEANUT_DATA_DIR": str(daemon.data_dir), "PEANUT_OFX_TRANSPORT": "chunks"}
    out = tmp_path / "out.npz"
    report = run_child(
        binary, "road", environment | more,
        frames=str(frames), out=str(out), mask=str(masks), depth="Float", deliverable=0,
    )  # fmt: skip
    assert report["words"]["processed"].startswith("done")
    assert report["violations"] == []
