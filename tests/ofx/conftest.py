import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from filelock import FileLock
from support.daemon import RunningDaemon
from support.ofx_fixtures import built, run_child
from support.scenes import ground, make_square_clip, square_mask

from peanut_client import plugins_ofx
from peanut_daemon.hosts.transfer import TransferFolder

FRAMES = 12


def built_once(tmp_path_factory, name, **options):
    """Build in a folder that all processes of one test run share; the first one does the work."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    with FileLock(root / f"{name}.lock"):
        return built(root / name, **options)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    return built_once(tmp_path_factory, "ofx")


@pytest.fixture(scope="session")
def plugin(bundle):
    return plugins_ofx.binary_in(bundle)


@pytest.fixture(scope="session")
def sanitized(tmp_path_factory):
    """The folder of a build with sanitizers, and the environment in which it runs."""
    if sys.platform != "linux" or shutil.which("gcc") is None:
        pytest.skip("sanitizers are run with gcc on Linux")
    options = {"PEANUT_SANITIZE": True, "PEANUT_INTERNALS": True}
    folder = built_once(tmp_path_factory, "ofx-sanitized", **options).parent
    names = [
        subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True)
        for name in ("libasan.so", "libubsan.so")
    ]
    return folder, {
        "LD_PRELOAD": " ".join(done.stdout.strip() for done in names),
        # Python keeps memory until its end; leaks of the plugin are counted by its own test.
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",
        "OFX_HOST_GUARD_BYTES": "0",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    }


@pytest.fixture
def child(plugin, tmp_path):
    """Scenarios without a daemon, unless the data folder of one is given."""

    def run(scenario, /, *, data_dir=tmp_path / "nothing", environment=None, **arguments):
        given = {"PEANUT_DATA_DIR": str(data_dir)} | (environment or {})
        return run_child(plugin, scenario, given, **arguments)

    return run


@pytest.fixture(scope="session")
def daemon(plugin, tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("data")
    with RunningDaemon(data_dir, window_frames=12, context_frames=6) as running:
        yield running
    # It was killed, so it could not clear up; the next daemon would.
    TransferFolder(data_dir).close()


@pytest.fixture(scope="session")
def frames(tmp_path_factory):
    """The square crossing the ground, `n h w 3` of uint8, as a file."""
    pictures = ground(FRAMES)
    for k in range(FRAMES):
        pictures[k][square_mask(k)] = (220, 30, 30)
    path = tmp_path_factory.mktemp("frames") / "frames.npy"
    np.save(path, pictures)
    return path


@pytest.fixture(scope="session")
def masks(tmp_path_factory):
    pictures = np.stack([square_mask(k) for k in range(FRAMES)]).astype(np.uint8) * 255
    path = tmp_path_factory.mktemp("masks") / "masks.npy"
    np.save(path, np.repeat(pictures[..., None], 3, axis=3))
    return path


@pytest.fixture(scope="session")
def movie(tmp_path_factory):
    return make_square_clip(tmp_path_factory.mktemp("clips") / "square.mov", frames=FRAMES)


@pytest.fixture(scope="session")
def project(plugin, daemon, frames, tmp_path_factory):
    """A project whose object is removed: what the road reported, and the pictures it showed."""
    out = tmp_path_factory.mktemp("road") / "pictures.npz"
    environment = {"PEANUT_DATA_DIR": str(daemon.data_dir)}
    report = run_child(plugin, "road", environment, frames=str(frames), out=str(out))
    return report, dict(np.load(out))
