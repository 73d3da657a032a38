from pathlib import Path

import pytest
import torch

from peanut_models.errors import InvalidInputError, WeightsMissingError
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


# --- VGG-19


@pytest.fixture(scope="module")
def vgg_state() -> dict[str, torch.Tensor]:
    """Seeded weights of torchvision's shapes, scaled to keep activations of order one."""
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(tensor.shape, generator=generator)
        * (2 / max(tensor[0].numel(), 1)) ** 0.5
        if tensor.ndim > 1
        else torch.zeros(tensor.shape)
        for name, tensor in losses.Vgg19Features().state_dict().items()
    }


@pytest.fixture(scope="module")
def vgg_file(vgg_state, tmp_path_factory) -> Path:
    """As torchvision's: with a classifier, which nothing here needs."""
    path = tmp_path_factory.mktemp("vgg") / "vgg19.pth"
    torch.save(vgg_state | {"classifier.6.bias": torch.zeros(1000)}, path)
    return path


def test_vgg_maps_are_those_of_torchvisions_own_network(vgg_file, vgg_state):
    torchvision = pytest.importorskip("torchvision")
    features = losses.load_vgg19_features(vgg_file)
    images = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(1)) * 2 - 1
    maps = features(images)
    assert [tuple(x.shape[1:]) for x in maps] == [
        (64, 32, 48),
        (128, 16, 24),
        (256, 8, 12),
        (512, 4, 6),
        (512, 2, 3),
    ]
    with torch.device("meta"):
        whole = torchvision.models.vgg19(weights=None).features
    stages = whole[:30].to_empty(device="cpu")
    stages.load_state_dict({k.removeprefix("features."): v for k, v in vgg_state.items()})
    given = torchvision.transforms.functional.normalize(
        (images + 1) / 2, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    )
    torch.testing.assert_close(maps[-1], stages(given))


def test_vgg_serves_the_perceptual_loss_and_stays_frozen(vgg_file):
    features = losses.load_vgg19_features(vgg_file)
    truth = torch.rand(1, 2, 3, 16, 16, generator=torch.Generator().manual_seed(2)) * 2 - 1
    filled = (truth * 0.5).requires_grad_()
    assert losses.perceptual_loss(truth, truth, features) == 0
    loss = losses.perceptual_loss(filled, truth, features)
    loss.backward()
    assert loss > 0
    assert filled.grad is not None
    assert filled.grad.abs().sum() > 0
    assert not any(p.requires_grad for p in features.parameters())


def test_images_too_small_for_vgg_are_refused(vgg_file):
    with pytest.raises(InvalidInputError, match="too small"):
        losses.load_vgg19_features(vgg_file)(torch.zeros(1, 3, 16, 15))


def test_missing_vgg_weights_are_named(tmp_path):
    with pytest.raises(WeightsMissingError, match="vgg19"):
        losses.load_vgg19_features(tmp_path / "vgg19.pth")


def test_files_of_other_networks_are_refused(tmp_path, vgg_state):
    def saved(state: object) -> Path:
        path = tmp_path / "file.pth"
        torch.save(state, path)
        return path

    with pytest.raises(InvalidInputError, match="missing"):
        losses.load_vgg19_features(saved({"conv1.weight": torch.zeros(1)}))
    first = "features.0.weight"
    with pytest.raises(InvalidInputError, match="shape"):
        losses.load_vgg19_features(saved(vgg_state | {first: torch.zeros(64, 1, 3, 3)}))
    with pytest.raises(InvalidInputError, match="NaN"):
        losses.load_vgg19_features(
            saved(vgg_state | {first: torch.full((64, 3, 3, 3), float("nan"))})
        )
    with pytest.raises(InvalidInputError, match="state dict"):
        losses.load_vgg19_features(saved([1, 2]))
