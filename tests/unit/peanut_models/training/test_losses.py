import pytest
import torch

from peanut_models.errors import InvalidInputError
from peanut_models.training import losses


def video(value: float, t: int = 3) -> torch.Tensor:
    return torch.full((1, t, 3, 8, 10), value)


def quarter_mask(t: int = 3) -> torch.Tensor:
    mask = torch.zeros(1, t, 1, 8, 10)
    mask[..., :4, :5] = 1
    return mask


def test_hole_and_valid_losses_do_not_depend_on_the_share_of_holes():
    filled = video(0.0) + quarter_mask() * 0.5
    assert losses.hole_loss(filled, video(0.0), quarter_mask()) == pytest.approx(0.5)
    assert losses.valid_loss(filled, video(0.0), quarter_mask()) == pytest.approx(0.0)
    assert losses.valid_loss(video(0.25), video(0.0), quarter_mask()) == pytest.approx(0.25)


def test_a_video_without_holes_loses_nothing_there():
    assert losses.hole_loss(video(1.0), video(0.0), torch.zeros(1, 3, 1, 8, 10)) == 0


def test_hinge_loss_is_zero_where_the_discriminator_is_sure():
    sure = torch.full((2, 3), 2.0)
    assert losses.discriminator_hinge_loss(sure, -sure) == 0
    assert losses.discriminator_hinge_loss(torch.zeros(2), torch.zeros(2)) == 2
    assert losses.adversarial_loss(sure) == -2


def test_flow_loss_adds_both_directions():
    zero, one = torch.zeros(1, 2, 2, 4, 4), torch.ones(1, 2, 2, 4, 4)
    assert losses.flow_loss((one, zero), (zero, zero)) == 1
    assert losses.flow_loss((one, one), (zero, zero)) == 2


def test_true_flows_carry_no_gradient():
    def estimator(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return (target - source)[:, :2]

    frames = torch.rand(2, 3, 3, 6, 7, requires_grad=True)
    forward, backward = losses.true_flows(frames, estimator)
    assert forward.shape == backward.shape == (2, 2, 2, 6, 7)
    assert not forward.requires_grad
    torch.testing.assert_close(forward, -backward)
    with pytest.raises(InvalidInputError, match="two frames"):
        losses.true_flows(frames[:, :1], estimator)


def moving_ramp(shift_px: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A picture that moves to the right, and its flows."""
    texture = torch.rand(3, 8, 40, generator=torch.Generator().manual_seed(0))
    frames = [texture[:, :, 20 - shift_px * t : 40 - shift_px * t] for t in range(3)]
    forward = torch.zeros(1, 2, 2, 8, 20)
    forward[:, :, 0] = shift_px
    return torch.stack(frames)[None], forward, -forward


def test_smoothness_is_zero_for_a_picture_that_follows_its_flow():
    frames, forward, backward = moving_ramp(3)
    assert losses.smoothness_loss(frames, forward, backward) == pytest.approx(0.0, abs=1e-6)


def test_smoothness_sees_flicker():
    frames, forward, backward = moving_ramp(3)
    frames[:, 1] += 0.2
    assert losses.smoothness_loss(frames, forward, backward) == pytest.approx(0.2, abs=1e-4)


def test_smoothness_ignores_what_the_flows_disagree_on_and_what_no_mask_covers():
    frames, forward, backward = moving_ramp(3)
    frames[:, 1] += 0.2
    assert losses.smoothness_loss(frames, forward, backward + 50) == 0
    assert losses.smoothness_loss(frames, forward, backward, torch.zeros(1, 3, 1, 8, 20)) == 0


def test_smoothness_of_one_frame_is_zero_and_still_a_tensor_of_the_graph():
    frame = torch.rand(1, 1, 3, 8, 8, requires_grad=True)
    none = torch.zeros(1, 0, 2, 8, 8)
    losses.smoothness_loss(frame, none, none).backward()
    assert frame.grad is not None


def test_flows_of_another_size_are_refused():
    frames, forward, backward = moving_ramp(3)
    with pytest.raises(InvalidInputError, match="one per"):
        losses.smoothness_loss(frames, forward[..., :10], backward[..., :10])


def test_perceptual_loss_sums_over_layers_and_reaches_the_filled_video_only():
    filled = video(0.5).requires_grad_()
    truth = video(0.0).requires_grad_()
    loss = losses.perceptual_loss(filled, truth, lambda x: [x, 2 * x])
    loss.backward()
    assert loss.item() == pytest.approx(1.5)
    assert filled.grad is not None
    assert truth.grad is None
    with pytest.raises(InvalidInputError, match="no feature maps"):
        losses.perceptual_loss(filled, truth, lambda _: [])


def test_shapes_that_differ_are_refused():
    with pytest.raises(InvalidInputError, match="shapes differ"):
        losses.hole_loss(video(0.0, 3), video(0.0, 2), quarter_mask())
