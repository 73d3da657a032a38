import pytest
import torch

from peanut_models.errors import InvalidInputError
from peanut_models.ur_net.seam import SeamStep, boundary, changeable


def case() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    image = torch.rand(1, 3, 40, 48, generator=generator) * 1.2 - 0.1
    matte = torch.zeros(1, 1, 40, 48)
    matte[..., 14:24, 16:30] = 1
    return image, matte


def shaken(step: SeamStep) -> SeamStep:
    torch.manual_seed(0)
    for parameter in step.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return step


def test_untrained_it_changes_nothing():
    image, matte = case()
    assert torch.equal(SeamStep()(image, matte), image)


def test_trained_it_changes_only_the_fill_and_the_band_around_it():
    image, matte = case()
    image[0, 0, 0, 0] = -0.0
    image[0, 1, 39, 47] = torch.nan
    with torch.inference_mode():
        out = shaken(SeamStep(band_px=4))(image, matte)
    reached = torch.zeros(40, 48, dtype=torch.bool)
    reached[10:28, 12:34] = True
    same = (out.view(torch.int32) == image.view(torch.int32)).all(dim=1)[0]
    assert bool(same[~reached].all())
    assert not bool(same[reached].any())


def test_the_residual_fades_outside_a_hard_matte():
    _, matte = case()
    weight = changeable(matte, 4)[0, 0, 18, 8:18]
    assert weight.tolist() == pytest.approx([0, 0, 0, 0, 0.2, 0.4, 0.6, 0.8, 1, 1])
    assert boundary(matte)[0, 0, 18, 13:20].tolist() == [0, 0, 1, 1, 0, 0, 0]


def test_gradients_reach_the_last_layer_first_and_then_all():
    image, matte = case()
    step = SeamStep()
    step(image, matte).square().mean().backward()
    assert step.last.weight.grad is not None
    assert float(step.last.weight.grad.abs().sum()) > 0
    shaken(step).zero_grad()
    step(image, matte).square().mean().backward()
    assert all(float(p.grad.abs().sum()) > 0 for p in step.parameters())


def test_without_a_matte_nothing_changes_and_sizes_must_agree():
    image, matte = case()
    step = shaken(SeamStep())
    assert torch.equal(step(image, torch.zeros_like(matte)), image)
    with pytest.raises(InvalidInputError, match=r"\(1, 1, 40, 47\)"):
        step(image, matte[..., :-1])
    with pytest.raises(InvalidInputError, match="band_px is 0"):
        SeamStep(band_px=0)
