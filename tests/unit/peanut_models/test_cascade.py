import numpy as np
import pytest

from peanut_models.cascade import FinishedFrames, RepairedFrame, enlarge_window, fill_window
from peanut_models.embedded.upscaler import LanczosUpscaler
from peanut_models.errors import InvalidInputError
from peanut_models.ranges import FrameRange, Window
from peanut_models.stages import GENERATED, SOURCE, Plate


class CopyFirstEraser:
    """Fills every hole from the first frame it is given, and remembers what that was."""

    def erase(self, frames, holes, *, core, generated=None, on_progress=None):
        self.frames, self.holes, self.core, self.generated = frames, holes, core, generated
        filled = np.where(holes[..., None], frames[:1], frames)
        origin = np.where(generated[:1], GENERATED, 0)
        provenance = np.where(holes, origin, SOURCE).astype(np.int32)
        inside = slice(core.start, core.end)
        return Plate(frames=filled[inside], provenance=provenance[inside])


def a_window():
    window = Window(index=1, core=FrameRange(14, 17), span=FrameRange(10, 20))
    frames = np.repeat(np.arange(10, 20, dtype=np.uint8), 12).reshape(10, 2, 2, 3)
    holes = np.zeros((10, 2, 2), np.bool_)
    holes[:, 0, 0] = True
    return window, frames, holes


def finished(start):
    count = 14 - start
    generated = np.zeros((count, 2, 2), np.bool_)
    generated[:, 0, 0] = True
    return FinishedFrames(
        frame_range=FrameRange(start, 14),
        frames=np.full((count, 2, 2, 3), 200, np.uint8),
        generated=generated,
    )


def test_finished_frames_stand_in_for_the_context_before_the_core():
    window, frames, holes = a_window()
    eraser = CopyFirstEraser()
    plate = fill_window(eraser, window, frames, holes, finished(12))
    assert len(eraser.frames) == 8  # from the first finished frame, 12, to the end of the span
    assert (eraser.frames[:2] == 200).all()
    assert not eraser.holes[:2].any()
    assert eraser.generated[:2, 0, 0].all()
    assert (plate.frames[:, 0, 0] == 200).all()
    assert (plate.provenance[:, 0, 0] == GENERATED).all()


def test_more_finished_frames_than_context_are_cut():
    window, frames, holes = a_window()
    eraser = CopyFirstEraser()
    fill_window(eraser, window, frames, holes, finished(8))
    assert len(eraser.frames) == 10
    assert (eraser.frames[:4] == 200).all()
    assert (eraser.frames[4] == 14).all()


def test_provenance_counts_frames_of_the_clip():
    window, frames, holes = a_window()
    plate = fill_window(CopyFirstEraser(), window, frames, holes, None)
    assert (plate.provenance[:, 0, 0] == 10).all()
    assert (plate.provenance[:, 1, 1] == SOURCE).all()


def test_the_callers_arrays_are_not_changed():
    window, frames, holes = a_window()
    before = frames.copy(), holes.copy()
    fill_window(CopyFirstEraser(), window, frames, holes, finished(12))
    assert (frames == before[0]).all()
    assert (holes == before[1]).all()


def test_finished_frames_must_lead_up_to_the_core():
    window, frames, holes = a_window()
    gap = FinishedFrames(
        frame_range=FrameRange(10, 12),
        frames=np.zeros((2, 2, 2, 3), np.uint8),
        generated=np.zeros((2, 2, 2), np.bool_),
    )
    with pytest.raises(InvalidInputError, match=r"\[10, 12\) do not lead up to the core"):
        fill_window(CopyFirstEraser(), window, frames, holes, gap)


def test_frames_must_be_the_windows():
    window, frames, holes = a_window()
    with pytest.raises(InvalidInputError, match=r"window \[10, 20\) has 10 frames"):
        fill_window(CopyFirstEraser(), window, frames[:5], holes[:5], None)


def repaired(window):
    for k in window.span:
        flow = np.full((2, 1, 1), k, np.float32)
        yield RepairedFrame(
            image=np.full((2, 3, 3), k, np.uint8),
            matte=np.full((2, 3), k, np.uint8),
            flows=None if k == 12 else (flow, -flow),
        )


class RememberingUpscaler(LanczosUpscaler):
    """Also remembers which flow it was given between which frames."""

    def stream(self, frames, *, flows=None, core=None, on_progress=None):
        self.flows = {}

        def seen():
            for at, frame in enumerate(frames):
                if flows is not None and at:
                    pair = next(flows)
                    self.flows[at] = None if pair is None else float(pair[0][0, 0, 0])
                yield frame

        yield from super().stream(seen(), core=core, on_progress=on_progress)


def test_the_core_is_enlarged_and_its_context_only_seen():
    window, _, _ = a_window()
    done = []
    large = list(
        enlarge_window(LanczosUpscaler(), window, repaired(window), on_progress=done.append)
    )
    assert [frame.shape for frame in large] == [(8, 12, 3)] * 3
    assert [int(frame[0, 0, 0]) for frame in large] == [14, 15, 16]
    assert done == sorted(done)
    assert done[-1] <= 3


def test_flows_are_handed_on_between_the_right_frames_or_not_at_all():
    window, _, _ = a_window()
    upscaler = RememberingUpscaler()
    list(enlarge_window(upscaler, window, repaired(window)))
    assert upscaler.flows == {}
    list(enlarge_window(upscaler, window, repaired(window), reuse_flows=True))
    assert upscaler.flows == {at: None if at == 3 else 9 + at for at in range(1, 10)}


def test_seams_are_treated_with_the_matte_of_their_frame():
    window, _, _ = a_window()
    seen = []

    def seams(image, matte):
        seen.append((int(image[0, 0, 0]), int(matte[0, 0]), matte.shape))
        return image // 2

    large = list(enlarge_window(LanczosUpscaler(), window, repaired(window), seams=seams))
    assert seen == [(k, k, (2, 3)) for k in window.core]
    assert [int(frame[0, 0, 0]) for frame in large] == [7, 7, 8]


def test_too_few_repaired_frames_are_no_window():
    window, _, _ = a_window()
    with pytest.raises(ValueError, match="shorter"):
        list(enlarge_window(LanczosUpscaler(), window, list(repaired(window))[:-1]))
