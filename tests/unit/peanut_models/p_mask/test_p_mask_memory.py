import pytest
import torch

from peanut_models.errors import InvalidInputError
from peanut_models.p_mask.memory import PROMPTED, Memory, MemoryBank


def memory(mark: float) -> Memory:
    features = torch.full((1, 64, 2, 2), float(mark))
    return Memory(features, torch.full((1, 256), float(mark)))


def marks(entries: tuple[tuple[int, torch.Tensor], ...]) -> list[tuple[int, float]]:
    return [(place, float(tensor.flatten()[0])) for place, tensor in entries]


def held_bytes(bank: MemoryBank) -> int:
    recalled = bank.recall(10**6)
    kept = [bank._recent_masks, bank._recent_pointers]
    tensors = [t for held in kept for t in held.values()]
    tensors += [part for held in bank._prompted.values() for part in held]
    assert not recalled.pointers or recalled.masks
    return sum(t.numel() * t.element_size() for t in tensors)


def test_size_is_constant_over_2000_frames():
    bank = MemoryBank()
    sizes = set()
    for f in range(2000):
        bank.push(f, memory(f))
        if f >= 15:
            sizes.add((len(bank), held_bytes(bank)))
    assert sizes == {(15, 6 * 64 * 2 * 2 * 4 + 15 * 256 * 4)}  # float32


def test_prompted_frames_are_bounded_too_and_the_farthest_goes():
    bank = MemoryBank(prompted=3)
    for f in (0, 100, 200, 300):
        bank.push(f, memory(f), prompted=True)
    assert [mark for _, mark in marks(bank.recall(301).masks)] == [100, 200, 300]


def test_samwise_reads_six_masks_oldest_first_and_fifteen_pointers_nearest_first():
    bank = MemoryBank()
    for f in range(20):
        bank.push(f, memory(f))
    recalled = bank.recall(20)
    assert marks(recalled.masks) == [(d, 20 - d) for d in (6, 5, 4, 3, 2, 1)]
    assert marks(recalled.pointers) == [(d, 20 - d) for d in range(1, 16)]


def test_the_first_frame_is_forgotten_unless_it_was_prompted():
    plain, prompted = MemoryBank(), MemoryBank()
    for f in range(20):
        plain.push(f, memory(f))
        prompted.push(f, memory(f), prompted=f == 0)
    assert 0.0 not in [mark for _, mark in marks(plain.recall(20).masks)]
    assert marks(prompted.recall(20).masks)[0] == (PROMPTED, 0.0)
    assert marks(prompted.recall(20).pointers)[0] == (20, 0.0)


def test_backward_in_time_reads_the_frames_after():
    bank = MemoryBank()
    for f in (9, 8, 7):
        bank.push(f, memory(f))
    bank.push(20, memory(20), prompted=True)
    bank.push(2, memory(2), prompted=True)
    recalled = bank.recall(6, backward=True)
    assert marks(recalled.masks) == [(0, 20), (0, 2), (3, 9), (2, 8), (1, 7)]
    # Frame 2 lies ahead in this direction: its mask is read, its pointer is not.
    assert marks(recalled.pointers) == [(14, 20), (1, 7), (2, 8), (3, 9)]


def test_a_frame_pushed_again_replaces_what_it_left():
    bank = MemoryBank()
    bank.push(4, memory(1.0))
    bank.push(4, memory(2.0), prompted=True)
    assert len(bank) == 1
    assert marks(bank.recall(5).masks) == [(PROMPTED, 2.0)]


def test_clear_forgets_everything():
    bank = MemoryBank()
    assert bank.is_empty
    bank.push(0, memory(0), prompted=True)
    bank.push(1, memory(1))
    assert not bank.is_empty
    bank.clear()
    assert bank.is_empty and len(bank) == 0
    assert bank.recall(2).masks == ()


@pytest.mark.parametrize("wrong", [{"masks": 0}, {"masks": 7}, {"pointers": 3}, {"prompted": 0}])
def test_counts_outside_the_range_are_refused(wrong):
    with pytest.raises(InvalidInputError, match="a bank of"):
        MemoryBank(**wrong)
