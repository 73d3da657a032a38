"""The plugin under valgrind, with a daemon: no error and no leak has it in its stack.

Takes a minute and a half, so it runs when it is asked for: `PEANUT_VALGRIND=1 pytest tests/ofx`.
"""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from support.ofx_fixtures import CHILD

pytestmark = pytest.mark.slow


@pytest.mark.timeout(600)
def test_no_error_and_no_leak_of_the_plugin(plugin, daemon, frames, tmp_path):
    if not os.environ.get("PEANUT_VALGRIND"):
        pytest.skip("valgrind takes long: set PEANUT_VALGRIND=1")
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed")
    # A link under a name that stands in nothing but the plugin's own stack frames.
    binary = tmp_path / "plugin-under-test.ofx"
    binary.symlink_to(plugin)
    log = tmp_path / "valgrind.log"
    given = {"binary": str(binary), "frames": str(frames), "out": str(tmp_path / "out.npz")}
    environment = {
        "PEANUT_DATA_DIR": str(daemon.data_dir),
        "PYTHONMALLOC": "malloc",
        "OPENBLAS_NUM_THREADS": "1",
    }
    done = subprocess.run(
        ["valgrind", f"--log-file={log}", "--leak-check=full", "--show-leak-kinds=definite",
         "--num-callers=20", sys.executable, str(CHILD), "road", json.dumps(given)],
        env=os.environ | environment, capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.split("RESULT ", 1)[1])["words"]["processed"].startswith("done")
    entries = [e for e in re.split(r"\n==\d+== \n", log.read_text()) if "Command: " not in e]
    assert entries
    blamed = [entry for entry in entries if "PEANUT.ofx)" in entry or binary.name in entry]
    assert blamed == [], blamed[0]
