from dataclasses import replace

import cv2
import numpy as np
import pytest
from support.renders import clip_of

from peanut_daemon.config import Settings
from peanut_daemon.edits.model import FrozenMask
from peanut_daemon.jobs.facts import machine_of, matte_share, network_device
from peanut_models.errors import UnsupportedDeviceError
from peanut_models.matte import TargetKind
from peanut_models.ranges import FrameRange

GIB = 2**30
FOUND = (("cuda:0", "a", 24 * GIB), ("cuda:1", "b", 8 * GIB), ("cpu", "c", 64 * GIB))


def png_of(left, top, width, height, kind=TargetKind.OBJECT):
    mask = np.zeros((50, 100), np.uint8)
    mask[top : top + height, left : left + width] = 255
    return FrozenMask(cv2.imencode(".png", mask)[1].tobytes(), kind)


def share(matte, frames=10, **changes):
    return matte_share(
        matte,
        clip_of(width=200, height=100),
        FrameRange(0, frames),
        **{"window_frames": 5, "grow_px": 0} | changes,
    )


def test_a_matte_takes_the_box_around_all_that_it_covers_in_a_window():
    still = {k: [png_of(10, 10, 20, 10)] for k in range(10)}
    assert share(still) == pytest.approx(0.2 * 0.2)
    assert share(still, grow_px=10) == pytest.approx(0.3 * 0.4)
    moving = still | {4: [png_of(30, 10, 20, 10)]}
    assert share(moving) == pytest.approx(0.4 * 0.2)
    two = still | {7: [png_of(10, 10, 20, 10), png_of(90, 40, 10, 10)]}
    assert share(two) == pytest.approx(0.9 * 0.8)
    held = still | {7: [png_of(10, 10, 20, 10), png_of(90, 40, 10, 10, TargetKind.HOLDOUT)]}
    assert share(held) == share(still)


def test_without_masks_a_matte_takes_nothing_and_never_more_than_the_picture():
    assert share({}) == 0
    assert share({k: [png_of(0, 0, 0, 0)] for k in range(10)}) == 0
    assert share({0: [png_of(0, 0, 100, 50)]}, grow_px=50) == 1


@pytest.mark.parametrize(
    ("setting", "device"),
    [("auto", "cuda:0"), ("cuda:1", "cuda:1"), ("all", "cuda:1"), ("cpu", "cpu")],
)
def test_networks_are_reckoned_with_the_smallest_device_that_is_used(setting, device):
    assert network_device(Settings(device=setting), FOUND)[0] == device


def test_a_device_that_there_is_not_is_refused():
    with pytest.raises(UnsupportedDeviceError, match="mps"):
        network_device(Settings(device="mps"), FOUND)
    assert network_device(Settings(), ())[0] == "cpu"


def test_what_a_worker_may_use_follows_the_settings(tmp_path):
    settings = Settings(data_dir=tmp_path, min_free_disk_bytes=GIB)
    machine = machine_of(settings, FOUND, tmp_path)
    assert (machine.device, machine.device_bytes) == ("cuda:0", int(24 * GIB * 0.9))
    assert machine.one_disk
    two = machine_of(replace(settings, workers=2), FOUND, tmp_path)
    assert two.host_bytes == pytest.approx(machine.host_bytes / 2, rel=1e-6)
    limited = replace(settings, host_memory_bytes=GIB, device_memory_bytes=2 * GIB, device="cpu")
    assert machine_of(limited, FOUND, tmp_path).host_bytes == GIB
    assert machine_of(limited, FOUND, tmp_path).device_bytes == 0
    assert machine_of(replace(limited, device="auto"), FOUND, tmp_path).device_bytes == 2 * GIB
