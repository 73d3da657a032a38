"""Building the OFX plugin for tests, and running it in processes that may be lost."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from peanut_client import plugins_ofx

CHILD = Path(__file__).resolve().parents[1] / "ofx/child.py"


def built(folder, **options):
    if missing := plugins_ofx.missing_tools():
        pytest.skip(f"the OFX plugin needs {' and '.join(missing)} to be built")
    return plugins_ofx.build(folder, options=options)


def run_child(binary, scenario, environment, /, **arguments):
    """Run a scenario; a crash, a hang or a failed assertion in it fails the test."""
    given = json.dumps({"binary": str(binary), **arguments})
    done = subprocess.run(
        [sys.executable, str(CHILD), scenario, given],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, f"{scenario} ended with {done.returncode}:\n{done.stderr[-3000:]}"
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    return json.loads(line.removeprefix("RESULT "))
