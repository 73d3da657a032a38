import pytest
import torch

from peanut_models.errors import InvalidInputError
from peanut_models.p_mask.cme import CmeSchedule, switched_logits, switches
from peanut_models.p_mask.config import CmeConfig


def asked(frames: int, switch_at: set[int], config: CmeConfig | None = None) -> list[int]:
    schedule = CmeSchedule(config or CmeConfig())
    due = []
    for step in range(frames):
        if schedule.is_due(step):
            due.append(step)
            if step in switch_at:
                schedule.switched(step)
    return due


def test_asked_from_the_fifth_frame_on_as_long_as_it_keeps():
    assert asked(12, set()) == [5, 6, 7, 8, 9, 10, 11]


def test_a_switch_gives_the_memory_three_frames():
    assert asked(20, {5, 6, 9, 12, 15}) == [5, 8, 9, 12, 15, 18, 19]


def test_window_moves_both_bounds():
    assert asked(16, {7}, CmeConfig(window=6)) == [7, 12, 13, 14, 15]


def test_switched_off_it_is_never_asked():
    assert asked(30, set(), CmeConfig(enabled=False)) == []


def test_a_tie_keeps():
    assert switches(torch.tensor([[0.5, 0.5], [0.2, 0.3], [0.3, 0.2]])) == [False, True, False]


def test_reweight_changes_only_where_the_memoryless_mask_is():
    memory = torch.tensor([[[[1.0, -2.0, 3.0]]]])
    memoryless = torch.tensor([[[[0.5, -1.0, 0.0]]]])
    assert switched_logits(memory, memoryless, "reweight").flatten().tolist() == [5.0, -2.0, 3.0]
    assert switched_logits(memory, memoryless, "all_mask") is memoryless
    assert switched_logits(memory, memoryless, "avg").flatten().tolist() == [0.75, -1.5, 1.5]


def test_an_absent_memoryless_object_changes_nothing():
    memory = torch.randn(1, 1, 4, 4)
    absent = torch.full_like(memory, -1024.0)
    assert torch.equal(switched_logits(memory, absent, "reweight"), memory)


def test_unknown_modes_and_windows_are_refused():
    with pytest.raises(InvalidInputError, match="use reweight, all_mask or avg"):
        switched_logits(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2), "sum")
    with pytest.raises(InvalidInputError, match="use reweight, all_mask or avg"):
        CmeConfig(mode="sum")
    with pytest.raises(InvalidInputError, match="2 or more"):
        CmeConfig(window=1)
