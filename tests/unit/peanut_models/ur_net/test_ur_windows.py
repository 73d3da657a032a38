"""The order of work, with names in place of feature maps."""

from collections import Counter

import pytest

from peanut_models.ranges import FrameRange
from peanut_models.ur_net.budget import Holding
from peanut_models.ur_net.config import BRANCHES
from peanut_models.ur_net.windows import WindowedRun


class NamedSteps:
    """Says what each map was made from, and counts."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()

    def extract(self, frame):
        self.done["extract"] += 1
        return f"x{frame}"

    def flows(self, first, second):
        self.done["flows"] += 1
        return f"{first}>{second}", f"{second}>{first}"

    def advance(self, name, inputs, state, flow):
        self.done[name] += 1
        # Only how far a map looks is kept of its neighbours: whole histories grow too long.
        near = None if state.one_back is None else state.one_back[:2]
        far = None if state.two_back is None else state.two_back[:2]
        own = inputs[0]
        return name, own, tuple(x[:2] for x in inputs[1:]), near, far, flow, state.flow_back


def run_clip(length: int, window: int, lookahead: int, **how):
    steps = NamedSteps()
    run = WindowedRun(steps, window_frames=window, lookahead_frames=lookahead, **how)
    out, most = [], 0
    for k in range(length):
        for ready in run.push(k, None):
            most = max(most, run.maps_held())
            out.append((ready.index, ready.frame, ready.maps))
    for ready in run.finish():
        out.append((ready.index, ready.frame, ready.maps))
    return steps, out, most


@pytest.mark.parametrize(("length", "window", "lookahead"), [(1, 4, 2), (2, 1, 1), (23, 4, 3)])
def test_every_frame_comes_once_in_order_with_all_branches(length, window, lookahead):
    _, out, _ = run_clip(length, window, lookahead)
    assert [index for index, _, _ in out] == list(range(length))
    for index, frame, maps in out:
        assert frame == index
        assert [maps[0], *(x[0] for x in maps[1:])] == [f"x{index}", *BRANCHES]
        assert all(x[1] == f"x{index}" for x in maps[1:])


@pytest.mark.parametrize(("length", "window", "lookahead"), [(12, 3, 2), (13, 2, 3), (9, 1, 2)])
def test_every_map_is_made_from_its_true_neighbours(length, window, lookahead):
    _, out, _ = run_clip(length, window, lookahead)
    for index, _, maps in out:
        for k, (name, _, earlier, near, far, flow, flow_back) in enumerate(maps[1:]):
            step = 1 if name.startswith("backward") else -1
            assert earlier == tuple((before, f"x{index}") for before in BRANCHES[:k])
            one, two = index + step, index + 2 * step
            assert near == ((name, f"x{one}") if 0 <= one < length else None)
            assert far == ((name, f"x{two}") if 0 <= two < length else None)
            assert flow == (f"{index}>{one}" if near else None)
            assert flow_back == (f"{one}>{two}" if far else None)


def test_only_the_backward_branches_do_anything_twice():
    length, window, lookahead = 40, 6, 2
    steps, _, _ = run_clip(length, window, lookahead)
    again = -(-(length - 2 * lookahead) // window) - 1
    assert steps.done["extract"] == length
    assert steps.done["flows"] == length - 1
    assert steps.done["forward_1"] == steps.done["forward_2"] == length
    assert steps.done["backward_1"] == steps.done["backward_2"] == length + again * lookahead


def test_a_clip_that_fits_one_window_costs_nothing_more():
    steps, _, _ = run_clip(10, 6, 2)
    assert all(steps.done[name] == 10 for name in BRANCHES)


@pytest.mark.parametrize("hold", [True, False])
@pytest.mark.parametrize(("window", "lookahead"), [(4, 2), (1, 1), (3, 5)])
def test_what_is_held_does_not_grow_with_the_clip_and_is_what_the_budget_says(
    window, lookahead, hold
):
    said = Holding(window_frames=window, lookahead_frames=lookahead, hold_extracted=hold).maps
    most = [run_clip(length, window, lookahead, hold_extracted=hold)[2] for length in (40, 160)]
    assert most[0] == most[1] <= said
    assert most[0] >= said * 0.8


def test_extracting_again_changes_what_is_held_and_nothing_else():
    held, kept, most = run_clip(30, 6, 2)
    again, dropped, less = run_clip(30, 6, 2, hold_extracted=False)
    assert dropped == kept
    assert less < most
    assert held.done["extract"] == 30 < again.done["extract"] <= 5 * 30
    assert all(again.done[name] == held.done[name] for name in BRANCHES)


@pytest.mark.parametrize(("window", "lookahead"), [(50, 2), (4, 2)])
def test_context_is_given_no_pixels_and_no_last_branch_behind_the_core(window, lookahead):
    _, whole, _ = run_clip(24, window, lookahead)
    steps, core, _ = run_clip(24, window, lookahead, wanted=FrameRange(4, 18))
    assert core == whole[4:18]
    assert steps.done["forward_2"] == 18
    assert steps.done["forward_1"] == 24


def test_every_step_is_told_and_may_end_the_run():
    told = []
    steps, _, _ = run_clip(12, 3, 2, on_step=lambda: told.append(1))
    assert len(told) == sum(steps.done[name] for name in BRANCHES)

    def stop():
        raise InterruptedError

    with pytest.raises(InterruptedError):
        run_clip(12, 3, 2, on_step=stop)


def test_frames_come_out_as_soon_as_their_window_is_known():
    run = WindowedRun(NamedSteps(), window_frames=4, lookahead_frames=2)
    assert [len(list(run.push(k, None))) for k in range(14)] == [0] * 8 + [4, 0, 0, 0, 4, 0]


def test_given_flows_are_not_estimated_again():
    steps = NamedSteps()
    run = WindowedRun(steps, window_frames=2, lookahead_frames=1)
    for k in range(6):
        list(run.push(k, ("there", "back") if k else None))
    list(run.finish())
    assert steps.done["flows"] == 0
