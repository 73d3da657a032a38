import errno
import multiprocessing

import cv2
import numpy as np
import pytest
import torch
from support.scenes import make_square_clip, square_mask

from peanut_daemon.deliverable import ChosenModel
from peanut_daemon.edits.model import FrozenMask
from peanut_daemon.errors import MediaUnreadableError
from peanut_daemon.guard.roots import Roots
from peanut_daemon.media import limits, mask_from_png, probe
from peanut_daemon.worker.main import Worker
from peanut_daemon.worker.messages import (
    Committed,
    Failed,
    Finished,
    PlateTask,
    Shortage,
    UpscaleTask,
    WorkerOptions,
)
from peanut_daemon.worker.shortage import figures, is_out_of_memory
from peanut_models.errors import OutOfDeviceMemoryError
from peanut_models.matte import MatteShape
from peanut_models.ranges import FrameRange, Window

FRAMES = 5
CUDA = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has ...")


def raised(call):
    with pytest.raises(Exception) as caught:
        call()
    return caught.value


def wrapped(error):
    try:
        try:
            raise error
        except MemoryError as cause:
            raise MediaUnreadableError("cannot be decoded") from cause
    except MediaUnreadableError as outer:
        return outer


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (CUDA, "2.50 GiB"),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), ""),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), ""),
        (raised(lambda: torch.empty(2**55)), "144115188075855872 bytes"),
        (raised(lambda: np.empty(2**55)), "256. PiB"),
        (raised(lambda: cv2.resize(np.zeros((9, 9), np.uint8), (2**30, 2**30))), "bytes"),
        (MemoryError(), ""),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), ""),
        (wrapped(MemoryError("Unable to allocate 3.00 MiB for an array")), "3.00 MiB"),
    ],
    ids=["cuda", "mps", "cudnn", "torch", "numpy", "opencv", "python", "system", "cause"],
)
def test_every_library_s_way_to_say_it_is_understood(error, asked):
    assert is_out_of_memory(error)
    if asked:
        assert "asked for" in figures(error)
        assert asked.split(".")[0] in figures(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("shape mismatch"),
        cv2.error("(-215:Assertion failed)"),
        OSError(errno.ENOSPC, "No space left on device"),
        ValueError("out of memory"),
    ],
)
def test_other_errors_are_not_taken_for_it(error):
    assert not is_out_of_memory(error)


class Failing:
    """A back end that runs out of memory so many times before it works."""

    def __init__(self, real, times, error=CUDA):
        self.real = real
        self.left = times
        self.error = error

    def __getattr__(self, name):
        return getattr(self.real, name)

    def _attempt(self):
        if self.left:
            self.left -= 1
            raise self.error

    def erase(self, *args, **kwargs):
        self._attempt()
        return self.real.erase(*args, **kwargs)

    def stream(self, *args, **kwargs):
        self._attempt()
        return self.real.stream(*args, **kwargs)


class Rig:
    """A worker in this process, whose back ends fail as told, and all that it says."""

    def __init__(self, folder, monkeypatch):
        self.clip = probe(make_square_clip(folder / "clip.mov", frames=FRAMES))
        self.ours, theirs = multiprocessing.Pipe()
        options = WorkerOptions(
            store_dir=folder / "store",
            models_dir=folder / "models",
            device="cpu",
            log_level="INFO",
            roots=Roots(private=folder / "private"),
        )
        monkeypatch.setattr(limits, "_watchdog", None)
        self.worker = Worker(theirs, options)
        self.freed = 0
        self.tight = []
        backends = self.worker._backends
        free, upscaler, eraser = backends.free, backends.upscaler, backends.eraser

        def counted():
            self.freed += 1
            return free()

        def fail(times, error=CUDA):
            failing = Failing(None, times, error)

            def with_real(real):
                failing.real = real
                return failing

            def seen(model, *, tight=False):
                self.tight.append(tight)
                return with_real(upscaler(model, tight=tight))

            monkeypatch.setattr(backends, "eraser", lambda *a: with_real(eraser(*a)))
            monkeypatch.setattr(backends, "upscaler", seen)

        monkeypatch.setattr(backends, "free", counted)
        self.fail = fail

    def do(self, task):
        last = self.worker.do(task)
        said = []
        while self.ours.poll():
            said.append(self.ours.recv().event)
        return last, [event for event in said if isinstance(event, Shortage | Committed)]

    def plate(self):
        core = FrameRange(0, FRAMES)
        png = [cv2.imencode(".png", square_mask(k) * 255)[1].tobytes() for k in range(FRAMES)]
        assert mask_from_png(png[0]).any()
        return PlateTask(
            clip=self.clip,
            window=Window(index=0, core=core, span=core),
            masks={k: [FrozenMask(png[k])] for k in core},
            shape=MatteShape(grow_px=2, feather_px=1),
            eraser=ChosenModel("embedded/propagation"),
            upscaler=ChosenModel("embedded/lanczos"),
            working_scale=1,
            sparse_stride=1,
            donors=(),
            donor_confidence=0.5,
            key="a" * 64,
            before_key="",
            keep_flows=False,
        )

    def upscale(self):
        return UpscaleTask(
            clip=self.clip,
            core=FrameRange(0, FRAMES),
            upscaler=ChosenModel("embedded/lanczos"),
            key="b" * 64,
            plates=((FrameRange(0, FRAMES), "a" * 64),),
            reuse_flows=False,
            seam=None,
        )


@pytest.fixture
def rig(tmp_path, monkeypatch):
    return Rig(tmp_path, monkeypatch)


def remedies(said):
    return [event.remedy for event in said if isinstance(event, Shortage)]


def committed(said):
    return [event.sha256 for event in said if isinstance(event, Committed)]


def test_memory_that_runs_out_once_is_freed_and_the_piece_done_again_the_same(rig):
    rig.fail(0)
    undisturbed = committed(rig.do(rig.plate())[1])
    rig.fail(1)
    last, said = rig.do(rig.plate())
    assert isinstance(last, Finished)
    assert remedies(said) == ["freed"]
    assert (said[0].stage, said[0].frames) == ("plate", (0, FRAMES))
    assert "asked for 2.50 GiB" in said[0].message
    assert rig.freed == 1
    assert committed(said) == undisturbed


def test_a_plate_that_fails_again_goes_back_to_have_its_window_halved(rig):
    rig.fail(2)
    last, said = rig.do(rig.plate())
    assert isinstance(last, Failed)
    assert (last.reason, last.expected) == ("OutOfDeviceMemoryError", True)
    assert "asked for 2.50 GiB" in last.message
    assert last.shortage.remedy == "window"
    assert remedies(said) == ["freed"]
    assert not committed(said)


def test_an_upscale_halves_its_tile_once_with_the_same_pixels(rig):
    rig.fail(0)
    rig.do(rig.plate())
    undisturbed = committed(rig.do(rig.upscale())[1])
    rig.tight.clear()
    rig.fail(2)
    last, said = rig.do(rig.upscale())
    assert isinstance(last, Finished)
    assert remedies(said) == ["freed", "tile"]
    assert rig.tight == [False, False, True]
    assert committed(said) == undisturbed
    rig.fail(3)
    assert isinstance(rig.do(rig.upscale())[0], Failed)


def test_a_plan_that_finds_no_way_is_memory_too(rig):
    rig.fail(9, OutOfDeviceMemoryError("frames of 9x9 need 5 GiB at the least"))
    last, said = rig.do(rig.plate())
    assert isinstance(last, Failed)
    assert remedies(said) == ["freed"]


def test_another_error_is_not_tried_again(rig):
    rig.fail(1, RuntimeError("shape mismatch"))
    last, said = rig.do(rig.plate())
    assert isinstance(last, Failed)
    assert (last.reason, last.expected, last.shortage) == ("RuntimeError", False, None)
    assert not said
    assert not rig.freed
