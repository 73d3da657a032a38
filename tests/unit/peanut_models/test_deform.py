import pytest
import torch

from peanut_models.deform import mmcv_is_installed, modulated_deform_conv2d


def random_case(groups: int = 2) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    return {
        "image": noise(1, 4, 9, 11),
        "offset": noise(1, 2 * groups * 9, 9, 11),
        "modulation": noise(1, groups * 9, 9, 11).sigmoid(),
        "weight": noise(5, 4, 3, 3),
        "bias": noise(5),
    }


def by_definition(case: dict[str, torch.Tensor], groups: int = 2) -> torch.Tensor:
    """Equation 1 of the paper, tap by tap, with bilinear samples and zeros outside."""
    image, offset, modulation = case["image"][0], case["offset"][0], case["modulation"][0]
    channels, height, width = image.shape
    result = case["bias"][:, None, None].repeat(1, height, width).clone()
    ys, xs = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    for channel in range(channels):
        group = channel * groups // channels
        for tap in range(9):
            at = group * 9 + tap
            y = ys + tap // 3 - 1 + offset[2 * at]
            x = xs + tap % 3 - 1 + offset[2 * at + 1]
            grid = torch.stack([2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1], -1)
            sampled = torch.nn.functional.grid_sample(
                image[None, channel : channel + 1], grid[None], align_corners=True
            )[0, 0]
            kernel = case["weight"][:, channel, tap // 3, tap % 3]
            result += kernel[:, None, None] * (modulation[at] * sampled)[None]
    return result[None]


def test_matches_the_papers_definition():
    case = random_case()
    result = modulated_deform_conv2d(**case, padding=1, use_mmcv=False)
    torch.testing.assert_close(result, by_definition(case), rtol=1e-4, atol=1e-4)


def test_without_offsets_and_full_modulation_it_is_a_plain_convolution():
    case = random_case()
    case["offset"] = torch.zeros_like(case["offset"])
    case["modulation"] = torch.ones_like(case["modulation"])
    plain = torch.nn.functional.conv2d(case["image"], case["weight"], case["bias"], padding=1)
    torch.testing.assert_close(modulated_deform_conv2d(**case, padding=1, use_mmcv=False), plain)


@pytest.mark.skipif(not mmcv_is_installed(), reason="mmcv is not installed")
def test_mmcv_gives_the_same_numbers():
    case = random_case()
    ours = modulated_deform_conv2d(**case, padding=1, use_mmcv=False)
    torch.testing.assert_close(modulated_deform_conv2d(**case, padding=1, use_mmcv=True), ours)
