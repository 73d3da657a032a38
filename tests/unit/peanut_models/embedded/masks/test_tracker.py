"""The embedded mask tracker on clips made in code."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from peanut_models.embedded.masks import ClassicalMaskTracker
from peanut_models.errors import InvalidInputError
from peanut_models.stages import BoxPrompt, MaskPrompt, PointPrompt, Prompt, TrackedMask

# tests/ has no packages, so the scene beside this file is loaded by its path.
_spec = importlib.util.spec_from_file_location("masks_scene", Path(__file__).with_name("scene.py"))
assert _spec and _spec.loader
scene = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(scene)
Scene, iou = scene.Scene, scene.iou


def run(clip: Scene, *prompts: Prompt) -> dict[int, TrackedMask]:
    masks = list(ClassicalMaskTracker().track(clip, prompts))
    by_index = {m.frame_index: m for m in masks}
    assert sorted(by_index) == list(clip.frame_range), "each frame exactly once"
    assert len(masks) == len(by_index)
    assert all(m.mask.dtype == np.bool_ and 0 <= m.confidence <= 1 for m in masks)
    return by_index


def box_on(clip: Scene, frame_index: int) -> BoxPrompt:
    return BoxPrompt(frame_index=frame_index, box_xyxy_px=clip.box(frame_index))


def point_on(clip: Scene, frame_index: int) -> PointPrompt:
    x, y = clip.centre(frame_index)
    return PointPrompt(frame_index=frame_index, x_px=x, y_px=y)


def scores(clip: Scene, masks: dict[int, TrackedMask]) -> list[float]:
    return [iou(m.mask, clip.truth(k)) for k, m in masks.items()]


def test_box_follows_a_moving_object_under_a_moving_camera() -> None:
    clip = Scene()
    assert min(scores(clip, run(clip, box_on(clip, 0)))) > 0.85


def test_point_finds_the_extent_of_the_object() -> None:
    clip = Scene()
    assert min(scores(clip, run(clip, point_on(clip, 0)))) > 0.8


def test_painted_mask_is_returned_bit_for_bit_and_followed() -> None:
    clip = Scene()
    painted = clip.truth(2)
    painted[0, :5] = True
    masks = run(clip, MaskPrompt(frame_index=2, mask=painted))
    assert np.array_equal(masks[2].mask, painted)
    assert masks[2].confidence == 1
    assert min(scores(clip, masks)) > 0.85


def test_painted_mask_wins_over_a_box_on_the_same_frame() -> None:
    clip = Scene(frames=1)
    painted = clip.truth(0)
    masks = run(clip, MaskPrompt(frame_index=0, mask=painted), box_on(clip, 0))
    assert np.array_equal(masks[0].mask, painted)


def test_negative_point_removes_a_part() -> None:
    clip = Scene(frames=2, arm=True)
    x, y = clip.centre(0)
    box = box_on(clip, 0)
    no = PointPrompt(frame_index=0, x_px=x + scene.RADIUS + 11, y_px=y, positive=False)
    yes = point_on(clip, 0)
    arm = clip.arm(0) & ~(np.hypot(*(np.mgrid[0:96, 0:128][::-1].T - (x, y)).T) < scene.RADIUS)
    with_arm = run(clip, box)[0].mask
    without = run(clip, box, yes, no)[0].mask
    assert with_arm[arm].mean() > 0.7
    assert without[arm].mean() < 0.3


def test_prompt_in_the_middle_spreads_both_ways_prompted_frame_first() -> None:
    clip = Scene(frames=7, start=20)
    masks = list(ClassicalMaskTracker().track(clip, [box_on(clip, 23)]))
    order = [m.frame_index for m in masks]
    assert order[0] == 23
    assert [k for k in order if k > 23] == [24, 25, 26]
    assert [k for k in order if k < 23] == [22, 21, 20]
    assert min(scores(clip, {m.frame_index: m for m in masks})) > 0.8


def test_object_that_leaves_gives_an_empty_mask() -> None:
    clip = Scene(frames=9, path=((90.0, 50.0), (8.0, 0.0)))
    masks = run(clip, box_on(clip, 0))
    assert not clip.truth(8).any()
    assert not masks[8].mask.any()
    assert masks[8].confidence < 0.2
    assert iou(masks[1].mask, clip.truth(1)) > 0.8


def test_object_that_comes_back_is_found_again() -> None:
    class Blink(Scene):
        def truth(self, frame_index: int) -> np.ndarray:
            seen = super().truth(frame_index)
            return seen & False if frame_index in (3, 4) else seen

    clip = Blink(frames=8)
    masks = run(clip, box_on(clip, 0))
    assert not masks[4].mask.any()
    assert iou(masks[7].mask, clip.truth(7)) > 0.7


def test_two_anchors_meet_in_the_middle() -> None:
    clip = Scene(frames=9)
    painted = [MaskPrompt(frame_index=k, mask=clip.truth(k)) for k in (0, 8)]
    masks = list(ClassicalMaskTracker().track(clip, painted))
    assert [m.frame_index for m in masks[:2]] == [0, 8]
    assert min(scores(clip, {m.frame_index: m for m in masks})) > 0.85


def test_an_empty_painted_mask_says_that_the_object_is_gone() -> None:
    clip = Scene(frames=5)
    gone = np.zeros((scene.HEIGHT, scene.WIDTH), np.bool_)
    masks = run(clip, box_on(clip, 0), MaskPrompt(frame_index=4, mask=gone))
    assert not masks[4].mask.any()


def test_one_frame_range() -> None:
    clip = Scene(frames=1, start=5)
    assert scores(clip, run(clip, box_on(clip, 5)))[0] > 0.8


def test_same_prompts_give_the_same_masks() -> None:
    clip = Scene(frames=3)
    first, second = (run(clip, point_on(clip, 1)) for _ in range(2))
    for k in clip.frame_range:
        assert np.array_equal(first[k].mask, second[k].mask)
        assert first[k].confidence == second[k].confidence


def test_frames_are_read_only_as_masks_are_asked_for() -> None:
    clip = Scene(frames=8)
    masks = ClassicalMaskTracker().track(clip, [box_on(clip, 0)])
    next(masks)
    assert set(clip.reads) == {0, 1}
    next(masks)
    next(masks)
    assert max(clip.reads) == 3, "one frame ahead"
    masks.close()
    assert max(clip.reads) == 3, "one frame ahead"


def test_memory_does_not_grow_with_the_range() -> None:
    import gc
    import weakref

    alive: list[weakref.ref[np.ndarray]] = []

    class Watched(Scene):
        def read(self, frame_index: int) -> np.ndarray:
            image = super().read(frame_index)
            alive.append(weakref.ref(image))
            return image

    clip = Watched(frames=9, path=((40.0, 50.0), (1.0, 0.0)))
    most = 0
    for _ in ClassicalMaskTracker().track(clip, [box_on(clip, 0)]):
        gc.collect()
        most = max(most, sum(ref() is not None for ref in alive))
    assert most <= 5


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        (PointPrompt(frame_index=0, x_px=500, y_px=5), ("point (500, 5)", "128x96", "x must be")),
        (PointPrompt(frame_index=9, x_px=5, y_px=5), ("frame 9", "[0, 3)", "prompt a frame")),
        (BoxPrompt(frame_index=0, box_xyxy_px=(200, 0, 220, 9)), ("box (200", "128x96", "draw it")),
        (BoxPrompt(frame_index=0, box_xyxy_px=(9, 9, 9, 20)), ("is empty", "x1 must exceed")),
        (PointPrompt(frame_index=0, x_px=5, y_px=5, positive=False), ("none of the 1", "positive")),
        (
            MaskPrompt(frame_index=0, mask=np.zeros((96, 128), np.bool_)),
            ("none of the 1", "not empty"),
        ),
        (
            MaskPrompt(frame_index=0, mask=np.ones((9, 9), np.bool_)),
            ("(9, 9)", "must be", "(96, 128)"),
        ),
    ],
)
def test_bad_prompt_is_refused_at_once(prompt: Prompt, words: tuple[str, ...]) -> None:
    clip = Scene(frames=3)
    with pytest.raises(InvalidInputError) as caught:
        ClassicalMaskTracker().track(clip, [prompt])
    for word in words:
        assert word in str(caught.value)


def test_no_prompt_at_all_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="none of the 0 prompts"):
        ClassicalMaskTracker().track(Scene(frames=2), [])
