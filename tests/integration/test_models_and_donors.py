"""Choosing another model than the profile's, and supplying the background oneself."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from support import basicvsr
from support.clips import HEIGHT, WIDTH, make_clip
from support.daemon import RunningDaemon, painted, succeeded, track
from support.e2fgvi import seeded_checkpoint
from support.scenes import make_square_clip, square_mask

from peanut.v1 import renders_pb2
from peanut_client import PeanutError, frame_range
from peanut_daemon.media import ClipReader
from peanut_models.ur_net.convert import to_published
from peanut_models.zoo import ModelStore, card

SCALE = 3
FRAMES = 4


def picture():
    """A still, detailed background of 192x144."""
    generator = np.random.default_rng(12)
    wide = generator.uniform(30, 220, (30, 40, 3)).astype(np.float32)
    size = (WIDTH * SCALE, HEIGHT * SCALE)
    return np.clip(cv2.resize(wide, size, interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


def hidden():
    mask = np.zeros(picture().shape[:2], bool)
    mask[50:90, 60:110] = True
    return mask


def hidden_png():
    return cv2.imencode(".png", hidden().astype(np.uint8) * 255)[1].tobytes()


@pytest.fixture(scope="module")
def covered_clip(tmp_path_factory):
    """The background with a block on it that never moves: no frame shows what is behind."""
    import av

    image = picture()
    image[hidden()] = (240, 10, 10)
    frames = [av.VideoFrame.from_ndarray(image, format="rgb24") for _ in range(FRAMES)]
    path = tmp_path_factory.mktemp("covered") / "covered.mkv"
    return make_clip(path, pictures=frames, codec="ffv1", pixel_format="bgr0")


@pytest.fixture
def edit(client, covered_clip):
    edit = client.create_edit(str(covered_clip), frame_range(0, FRAMES))
    track(client, edit.id, *(painted(hidden_png(), k) for k in range(FRAMES)))
    client.approve_masks(edit.id, grow_px=0, feather_px=0)
    return edit


def rendered(client, edit, folder, **how):
    job = client.start_render(edit.id, str(folder / "result.mkv"), **how)
    outputs = succeeded(client, job.id).outputs
    report = json.loads(Path(outputs.report).read_text(encoding="utf-8"))
    with ClipReader(Path(outputs.deliverable)) as reader:
        return reader.read(1).to_rgb(), report


def test_a_clean_plate_shows_what_no_frame_does(client, edit, tmp_path):
    plate = tmp_path / "plate.png"
    darker = np.clip(picture() * 0.85 + 5, 0, 255).astype(np.uint8)
    cv2.imwrite(str(plate), np.roll(darker, (4, -6), (0, 1))[..., ::-1])
    frame, report = rendered(client, edit, tmp_path, donor_paths=[str(plate)])
    shares = report["pixels"]["mean"]
    assert shares["donor"] == pytest.approx(hidden().mean(), rel=0.01)
    assert shares["generated"] == shares["propagated"] == 0
    assert report["donors"] == [str(plate)]
    error = np.abs(frame.astype(int) - picture())[hidden()]
    assert error.mean() < 4


def test_a_donor_that_is_no_picture_is_refused_before_the_job_starts(client, edit, tmp_path):
    text = tmp_path / "plate.png"
    text.write_text("not a picture")
    with pytest.raises(PeanutError) as caught:
        client.start_render(edit.id, str(tmp_path / "x.mkv"), donor_paths=[str(text)])
    assert caught.value.reason == "MediaUnreadableError"


def test_a_model_whose_weights_are_not_here_is_refused_with_the_command(client, edit, tmp_path):
    with pytest.raises(PeanutError, match="peanut models add e2fgvi_hq") as caught:
        client.start_render(edit.id, str(tmp_path / "x.mkv"), nof_eraser="e2fgvi_hq")
    assert caught.value.reason == "WeightsMissingError"


def test_the_published_network_by_local_path_fills_what_no_frame_shows(covered_clip, tmp_path):
    weights = tmp_path / "E2FGVI-HQ-CVPR22.pth"
    torch.save(seeded_checkpoint("hq"), weights)
    data = tmp_path / "data"
    command = [sys.executable, "-m", "peanut_models.zoo", str(data / "models"), "add", "e2fgvi_hq"]
    subprocess.run([*command, str(weights)], check=True, capture_output=True)
    with RunningDaemon(data) as daemon, daemon.client() as client:
        installed = {model.name: model.installed for model in client.list_models()}
        assert installed["e2fgvi_hq"]
        assert not installed["e2fgvi"]
        edit = client.create_edit(str(covered_clip), frame_range(0, FRAMES))
        track(client, edit.id, *(painted(hidden_png(), k) for k in range(FRAMES)))
        client.approve_masks(edit.id, grow_px=0, feather_px=0)
        embedded, _ = rendered(client, edit, tmp_path)
        network, report = rendered(client, edit, tmp_path, nof_eraser="e2fgvi_hq", overwrite=True)
    named = {model["name"]: model for model in report["models"]}
    assert named["e2fgvi_hq"]["weights_sha256"]
    assert not named["e2fgvi_hq"]["commercial_use"]
    assert report["pixels"]["mean"]["generated"] == pytest.approx(hidden().mean(), rel=0.01)
    # The weights are noise, so the fill is too; it is another one, and nothing else changed.
    assert (embedded != network)[hidden()].any()
    assert (network[~hidden()] == picture()[~hidden()]).all()


def test_an_upscaler_chosen_by_what_the_clip_is(tmp_path):
    data = tmp_path / "data"
    # Put there directly: seeded weights have not the hash of the published file.
    network = basicvsr.seeded_network(basicvsr.TINY)
    tensors = to_published(network.state_dict(), network.config)
    ModelStore(data / "models").put(
        card("basicvsr_pp/reds4"),
        tmp_path / "seeded.pth",
        lambda part: save_file({k: v.contiguous() for k, v in tensors.items()}, part),
        "0",
    )
    clip = make_square_clip(tmp_path / "square.mov", frames=6)
    with RunningDaemon(data, window_frames=3, context_frames=1) as daemon:
        with daemon.client() as client:
            edit = client.create_edit(str(clip), frame_range(0, 6))
            track(client, edit.id, *(painted(square_png(k), k) for k in range(6)))
            client.approve_masks(edit.id, grow_px=0, feather_px=0)
            how = {"deliverable": renders_pb2.DELIVERABLE_UPSCALED}
            frame, report = rendered(client, edit, tmp_path, ur_net="auto", **how)
            plain, _ = rendered(client, edit, tmp_path, overwrite=True, **how)
    assert frame.shape == plain.shape == (4 * HEIGHT, 4 * WIDTH, 3)
    assert report["upscaler"]["model"] == "basicvsr_pp/reds4"
    assert "camera footage" in report["upscaler"]["reason"]
    # Noise for weights adds detail to the picture, which is still the same underneath.
    small = [image.reshape(HEIGHT, 4, WIDTH, 4, 3).mean(axis=(1, 3)) for image in (frame, plain)]
    assert (frame != plain).any()
    assert np.abs(small[0] - small[1]).mean() < 40


def square_png(frame):
    return cv2.imencode(".png", square_mask(frame).astype(np.uint8) * 255)[1].tobytes()
