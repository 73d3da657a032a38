import pytest
import torch

from peanut_models.errors import InvalidInputError
from peanut_models.flow.spynet import SpyNet, convert_spynet, our_name, published_name, warp


def published_state() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {published_name(name): tensor for name, tensor in SpyNet().state_dict().items()}


def test_names_go_there_and_back():
    for name in SpyNet().state_dict():
        assert our_name(published_name(name)) == name


def test_a_file_without_the_constants_loads():
    state = published_state()
    del state["mean"], state["std"]
    converted = convert_spynet(state)
    SpyNet().load_state_dict(converted)
    assert torch.equal(converted["mean"], SpyNet().mean)


def test_tensors_of_other_networks_beside_a_prefix_are_left_alone():
    state = {"generator.spynet." + name: tensor for name, tensor in published_state().items()}
    state["generator.conv_last.weight"] = torch.zeros(1)
    assert len(convert_spynet(state, "generator.spynet.")) == 62


def test_a_missing_tensor_is_named():
    state = published_state()
    del state["basic_module.3.basic_module.2.conv.bias"]
    with pytest.raises(InvalidInputError, match=r"basic_module\.3\.basic_module\.2\.conv\.bias"):
        convert_spynet(state)


def test_an_unknown_tensor_is_named():
    with pytest.raises(InvalidInputError, match=r"head\.weight"):
        convert_spynet({**published_state(), "head.weight": torch.zeros(1)})


def test_a_level_beyond_the_last_is_refused():
    state = published_state()
    state["basic_module.6.basic_module.0.conv.bias"] = torch.zeros(32)
    with pytest.raises(InvalidInputError, match=r"basic_module\.6"):
        convert_spynet(state)


def test_a_wrong_shape_is_refused():
    state = published_state()
    state["basic_module.0.basic_module.0.conv.weight"] = torch.zeros(32, 8, 5, 5)
    with pytest.raises(InvalidInputError, match="expected"):
        convert_spynet(state)


@pytest.mark.parametrize("size", [(1, 1), (7, 33), (32, 64), (45, 31)])
def test_any_size_gives_a_flow_of_that_size(size):
    images = torch.rand(2, 3, *size)
    with torch.inference_mode():
        flow = SpyNet()(images, images.flip(0))
    assert flow.shape == (2, 2, *size)
    assert torch.isfinite(flow).all()


def test_both_orders_give_the_same_flow():
    torch.manual_seed(2)
    first, second = SpyNet("resize_then_normalise"), SpyNet("normalise_then_resize")
    second.load_state_dict(first.state_dict())
    images = torch.rand(2, 3, 40, 50)
    with torch.inference_mode():
        torch.testing.assert_close(first(images, images.flip(0)), second(images, images.flip(0)))


def test_images_of_different_size_are_refused():
    with pytest.raises(InvalidInputError, match="both must be"):
        SpyNet()(torch.zeros(1, 3, 32, 32), torch.zeros(1, 3, 32, 64))


def test_an_unknown_order_is_refused():
    with pytest.raises(InvalidInputError, match="no SPyNet order"):
        SpyNet("sideways")  # type: ignore[arg-type]


def test_warp_takes_the_pixel_the_flow_points_to():
    image = torch.arange(12.0).reshape(1, 1, 3, 4)
    flow = torch.zeros(1, 2, 3, 4)
    flow[:, 0] = 1.0
    moved = warp(image, flow)
    torch.testing.assert_close(moved[..., :3], image[..., 1:])
    assert not moved[..., 3].any()
    torch.testing.assert_close(warp(image, flow, outside="border")[..., 3], image[..., 3])


def test_warp_of_a_single_pixel_is_that_pixel():
    image = torch.full((1, 2, 1, 1), 3.0)
    torch.testing.assert_close(warp(image, torch.zeros(1, 2, 1, 1)), image)
