import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from peanut_models.errors import InvalidInputError, WeightsMissingError
from peanut_models.ur_net import seam
from peanut_models.ur_net.seam import (
    SeamStep,
    SeamSuppressor,
    boundary,
    changeable,
    load_seam_step,
)


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


def picture(dtype=np.uint8) -> tuple[np.ndarray, np.ndarray]:
    """A picture of four times the matte's size, taller than a strip."""
    white = np.iinfo(dtype).max
    image = np.random.default_rng(3).integers(0, white, (640, 96, 3), endpoint=True).astype(dtype)
    matte = np.zeros((160, 24), np.uint8)
    matte[20:130, 8:14] = 255
    return image, matte


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_untrained_step_leaves_every_frame_as_it_is(dtype):
    image, matte = picture(dtype)
    assert np.array_equal(SeamSuppressor(SeamStep())(image, matte), image)


def test_a_trained_step_changes_frames_in_the_fill_and_its_band_only():
    image, matte = picture()
    before = image.copy()
    out = SeamSuppressor(shaken(SeamStep(band_px=4)))(image, matte)
    changed = (out != image).any(axis=-1)
    reached = np.zeros(changed.shape, bool)
    # The band, and two more for the interpolation of the matte.
    reached[80 - 6 : 520 + 6, 32 - 6 : 56 + 6] = True
    assert not changed[~reached].any()
    assert changed[80:520, 32:56].mean() > 0.9
    assert np.array_equal(image, before)


def test_strips_give_what_the_whole_picture_gives(monkeypatch):
    image, matte = picture()
    remove = SeamSuppressor(shaken(SeamStep()))
    strips = remove(image, matte)
    monkeypatch.setattr(seam, "STRIP_PX", 10_000)
    assert np.abs(strips.astype(int) - remove(image, matte)).max() <= 1


def test_a_frame_without_a_matte_is_not_even_copied():
    image, matte = picture()
    assert SeamSuppressor(shaken(SeamStep()))(image, np.zeros_like(matte)) is image


def test_trained_weights_come_back_and_others_are_refused(tmp_path):
    step = shaken(SeamStep())
    save_file(step.state_dict(), tmp_path / "seam.safetensors")
    again = load_seam_step(tmp_path / "seam.safetensors")
    assert all(torch.equal(x, step.state_dict()[n]) for n, x in again.state_dict().items())
    save_file({"body.first.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(InvalidInputError, match=r"missing .*blocks"):
        load_seam_step(tmp_path / "other.safetensors")
    with pytest.raises(WeightsMissingError, match="seam step"):
        load_seam_step(tmp_path / "absent.safetensors")
