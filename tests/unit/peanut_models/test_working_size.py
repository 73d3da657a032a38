import pytest

from peanut_models.errors import InvalidInputError
from peanut_models.working_size import SCALES, working_size

GIB = 2**30


def scale(width, height, device="cuda:0", memory_gib=24, wanted="auto"):
    return working_size(
        width, height, device=device, memory_bytes=int(memory_gib * GIB), wanted=wanted
    ).scale


def test_a_large_device_works_at_the_sources_size():
    assert scale(1920, 1080) == 1


def test_more_pixels_or_less_memory_never_make_it_larger():
    sizes = [(480, 270), (960, 540), (1920, 1080), (3840, 2160), (7680, 4320)]
    for memory in (2, 4, 8, 24, 80):
        scales = [scale(*size, memory_gib=memory) for size in sizes]
        assert scales == sorted(scales)
    for size in sizes:
        scales = [scale(*size, memory_gib=memory) for memory in (80, 24, 8, 4, 2)]
        assert scales == sorted(scales)


def test_a_cpu_gets_what_it_can_fill_in_bearable_time():
    assert scale(640, 360, device="cpu") == 1
    assert scale(1280, 720, device="cpu") == 2
    assert scale(1920, 1080, device="cpu") == 4
    assert scale(640, 360, device="cpu", memory_gib=1) > 1


def test_the_reason_says_what_set_the_limit():
    on_cpu = working_size(1920, 1080, device="cpu", memory_bytes=64 * GIB)
    assert "quarter size" in on_cpu.reason
    assert "CPU" in on_cpu.reason
    small = working_size(3840, 2160, device="cuda:0", memory_bytes=4 * GIB)
    assert "memory of cuda:0" in small.reason
    huge = working_size(30000, 20000, device="cpu", memory_bytes=64 * GIB)
    assert huge.scale == 4
    assert "smallest" in huge.reason
    assert scale(64, 64, device="mps", memory_gib=0) == 1


@pytest.mark.parametrize("name", SCALES)
def test_what_is_asked_for_is_taken(name):
    asked = working_size(7680, 4320, device="cpu", memory_bytes=GIB, wanted=name)
    assert asked.scale == SCALES[name]
    assert asked.reason == "asked for"


def test_another_name_is_refused():
    with pytest.raises(InvalidInputError, match=r"third.*full, half, quarter"):
        scale(64, 64, wanted="third")
