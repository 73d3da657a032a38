"""T-PatchGAN: tells real video from filled video, patch by patch in space and time. Training only.

Source: Chang et al., "Free-form Video Inpainting with 3D Gated Convolution and Temporal PatchGAN",
ICCV 2019; used by E2FGVI with a hinge loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float
from torch import Tensor, nn

from peanut_models.errors import InvalidInputError

CHANNELS = (3, 32, 64, 128, 128, 128, 128)
KERNEL = (3, 5, 5)
STRIDE = (1, 2, 2)
SLOPE = 0.2

NORM_FLOOR = 1e-12
"""Least length a vector is divided by in the power iteration."""


class SpectralConv3d(nn.Module):
    """A 3-D convolution without bias whose kernel is divided by its largest singular value.

    One power iteration per call in training, none in evaluation. Own implementation, because the
    published tensors are `weight_orig`, `weight_u` and `weight_v`.

    Source: Miyato et al., "Spectral Normalization for GANs", ICLR 2018, algorithm 1.
    """

    weight_u: Tensor
    weight_v: Tensor

    def __init__(self, before: int, after: int, padding: tuple[int, int, int]) -> None:
        super().__init__()
        self.padding = padding
        self.weight_orig = nn.Parameter(torch.empty(after, before, *KERNEL))
        nn.init.normal_(self.weight_orig, std=0.02)
        columns = self.weight_orig[0].numel()
        self.register_buffer("weight_u", F.normalize(torch.randn(after), dim=0))
        self.register_buffer("weight_v", F.normalize(torch.randn(columns), dim=0))

    def forward(self, video: Float[Tensor, "b c t h w"]) -> Float[Tensor, "b c2 t h2 w2"]:
        """Convolve with the normalised kernel."""
        matrix = self.weight_orig.flatten(1)
        if self.training:
            with torch.no_grad():
                v = F.normalize(matrix.t() @ self.weight_u, dim=0, eps=NORM_FLOOR)
                u = F.normalize(matrix @ v, dim=0, eps=NORM_FLOOR)
                self.weight_v.copy_(v)
                self.weight_u.copy_(u)
        # Copies, because the next call changes the buffers before gradients are taken.
        sigma = self.weight_u.clone() @ (matrix @ self.weight_v.clone())
        return F.conv3d(video, self.weight_orig / sigma, None, STRIDE, self.padding)


class TPatchDiscriminator(nn.Module):
    """Six 3-D convolutions; the answer of each patch is positive for real video."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for k, (before, after) in enumerate(pairwise(CHANNELS[:-1])):
            # parity: the first layer pads one pixel where the kernel's half is two.
            layers.append(SpectralConv3d(before, after, (1, 1, 1) if k == 0 else (1, 2, 2)))
        layers.append(nn.Conv3d(CHANNELS[-2], CHANNELS[-1], KERNEL, STRIDE, (1, 2, 2)))
        self.convs = nn.ModuleList(layers)

    def forward(self, frames: Float[Tensor, "b t 3 h w"]) -> Float[Tensor, "b t 128 h2 w2"]:
        """Judge a clip.

        Args:
            frames: RGB in [-1, 1].
        """
        out = frames.transpose(1, 2)
        for conv in self.convs[:-1]:
            out = F.leaky_relu(conv(out), SLOPE)
        judged: Tensor = self.convs[-1](out)
        return judged.transpose(1, 2)


def discriminator_to_ours(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A published discriminator state dict as ours: `conv.2K.` is `convs.K.` here.

    Raises:
        InvalidInputError: a tensor is missing, unknown or of the wrong shape.
    """
    expected = TPatchDiscriminator().state_dict()
    wanted = {discriminator_published_name(name): name for name in expected}
    if wanted.keys() != published.keys():
        missing = sorted(wanted.keys() - published.keys())
        unexpected = sorted(published.keys() - wanted.keys())
        raise InvalidInputError(
            f"not a T-PatchGAN checkpoint: {len(missing)} tensors missing {missing[:3]}, "
            f"{len(unexpected)} unexpected {unexpected[:3]}"
        )
    for name, tensor in published.items():
        if tensor.shape != expected[wanted[name]].shape:
            raise InvalidInputError(
                f"{name} has shape {tuple(tensor.shape)}, expected "
                f"{tuple(expected[wanted[name]].shape)}"
            )
    return {wanted[name]: tensor for name, tensor in published.items()}


def discriminator_published_name(ours: str) -> str:
    """The published name of one of the discriminator's tensors."""
    _, place, kind = ours.split(".")
    return f"conv.{2 * int(place)}.{kind}"
