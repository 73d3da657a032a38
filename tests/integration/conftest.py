import pytest
from support.daemon import RunningDaemon
from support.scenes import make_square_clip


@pytest.fixture(scope="session")
def daemon(tmp_path_factory):
    """One daemon for all tests that leave it as it was."""
    with RunningDaemon(
        tmp_path_factory.mktemp("data"), window_frames=12, context_frames=6
    ) as running:
        yield running


@pytest.fixture
def client(daemon):
    with daemon.client() as client:
        yield client


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """24 frames, 64x48, 25 fps, from 01:00:00:00, with sound."""
    path = tmp_path_factory.mktemp("clips") / "square.mov"
    return make_square_clip(path, timecode="01:00:00:00", audio_codec="aac")
