"""Windows of repaired frames to segments, as the worker makes them."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from support import basicvsr
from support.clips import FFV1, make_clip

from peanut_daemon.deliverable import ChosenModel, RenderStage, WeightsFile
from peanut_daemon.errors import JobCancelledError
from peanut_daemon.media import ClipReader, probe
from peanut_daemon.worker.backends import Backends
from peanut_daemon.worker.messages import UpscaleTask
from peanut_daemon.worker.store import ArtifactStore, PlateArtifact, facts_of
from peanut_daemon.worker.upscale import upscale
from peanut_models.embedded.upscaler import LanczosUpscaler
from peanut_models.errors import WeightsMissingError
from peanut_models.ranges import FrameRange
from peanut_models.stages import GENERATED
from peanut_models.ur_net.config import PredictorConfig
from peanut_models.ur_net.predictor import UrNet
from peanut_models.ur_net.seam import SeamStep

FRAMES, BOX = 4, (8, 20, 10, 24)
LANCZOS = ChosenModel("embedded/lanczos")


@dataclass
class OneUpscaler:
    """Back ends of which only this one is there."""

    made: UrNet

    def upscaler(self, model, *, tight=False):
        return self.made

    def seam_remover(self, weights):
        assert weights is None


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return probe(make_clip(tmp_path_factory.mktemp("clip") / "a.mkv", frames=FRAMES, **FFV1))


@pytest.fixture
def store(tmp_path):
    """A plate of grey for every two frames, with motion for all but the last frame of each."""
    store = ArtifactStore(tmp_path / "store")
    top, bottom, left, right = BOX
    shape = (2, bottom - top, right - left)
    for start in (0, 2):
        flow = np.full((2, 3, 4), 0.25 + start, np.float16)
        plate = PlateArtifact(
            core=FrameRange(start, start + 2),
            box=BOX,
            frames=np.full((*shape, 3), 128, np.uint8),
            alpha=np.full(shape, 255, np.uint8),
            provenance=np.full(shape, GENERATED, np.int32),
            flows=((flow, -flow),),
        )
        store.put_plate(f"plate{start}", plate)
    return store


def task_of(clip, core=(0, FRAMES), **changes):
    values = {
        "clip": clip,
        "core": FrameRange(*core),
        "upscaler": LANCZOS,
        "key": "upscaled",
        "plates": ((FrameRange(0, 2), "plate0"), (FrameRange(2, 4), "plate2")),
        "reuse_flows": False,
        "seam": None,
    }
    return UpscaleTask(**values | changes)


def run(task, store, backends, checkpoint=lambda done: None):
    list(upscale(task, backends, store, checkpoint))
    with ClipReader(store.path(task.key, RenderStage.UPSCALE)) as segment:
        return np.stack([frame.to_rgb() for frame in segment.frames(segment.frame_range)])


def repaired(clip, store):
    with ClipReader(clip.path) as reader:
        return np.stack(
            [
                store.get_plate(f"plate{k // 2 * 2}").repaired(reader.read(k).to_rgb(), k)
                for k in range(FRAMES)
            ]
        )


@pytest.fixture
def backends(tmp_path):
    return Backends(tmp_path / "models", "cpu", (("cpu", "a processor", 1),))


def seam_weights(path):
    torch.manual_seed(0)
    step = SeamStep()
    for parameter in step.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    save_file(step.state_dict(), path)
    return WeightsFile(path, facts_of(path)[1])


def test_without_seam_weights_a_segment_is_the_upscalers_own_pixels(clip, store, backends):
    done = []
    ours = run(task_of(clip, core=(1, 3)), store, backends, done.append)
    assert np.array_equal(ours, LanczosUpscaler().upscale(repaired(clip, store)[1:3]))
    assert done == sorted(done)


def test_trained_seams_change_the_fill_and_its_band_only(clip, store, backends, tmp_path):
    seam = seam_weights(tmp_path / "seam.safetensors")
    ours = run(task_of(clip, seam=seam), store, backends)
    plain = LanczosUpscaler().upscale(repaired(clip, store))
    changed = (ours != plain).any(axis=-1)
    band = SeamStep().band_px + 2
    top, bottom, left, right = (4 * side for side in BOX)
    reached = np.zeros(changed.shape, bool)
    reached[:, max(0, top - band) : bottom + band, left - band : right + band] = True
    assert not changed[~reached].any()
    assert changed[:, top:bottom, left:right].mean() > 0.5


def test_seam_weights_that_changed_since_the_start_are_refused(clip, store, backends, tmp_path):
    path = tmp_path / "seam.safetensors"
    other = WeightsFile(seam_weights(path).path, "0" * 64)
    with pytest.raises(WeightsMissingError, match="changed since the job"):
        run(task_of(clip, seam=other), store, backends)


def test_the_erasers_motion_reaches_the_network_and_gaps_are_estimated(clip, store):
    frames = repaired(clip, store)
    upscaler = UrNet(basicvsr.seeded_network(), PredictorConfig(tile_px=None))
    ours = run(task_of(clip, reuse_flows=True), store, OneUpscaler(upscaler))
    known = [store.get_plate(f"plate{start}").flow(start) for start in (0, 2)]
    expected = list(upscaler.stream(frames, flows=[known[0], None, known[1]]))
    assert np.array_equal(ours, np.stack(expected))


def test_a_network_can_be_stopped_between_frames(clip, store):
    upscaler = UrNet(basicvsr.seeded_network(), PredictorConfig(tile_px=None))
    task = task_of(clip, reuse_flows=True)

    def stop(done):
        raise JobCancelledError("stopped")

    with pytest.raises(JobCancelledError):
        run(task, store, OneUpscaler(upscaler), stop)
    assert not store.path(task.key, RenderStage.UPSCALE).exists()
