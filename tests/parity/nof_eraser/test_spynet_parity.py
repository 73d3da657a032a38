"""SPyNet against the flow recorded from BasicVSR++'s own; E2FGVI's is among its network's cases."""

from pathlib import Path

import numpy as np
import pytest
import torch
from support import seeded
from support.e2fgvi import relative_l2

from peanut_models.flow.spynet import SpyNet, convert_spynet, published_name

UNITS = Path(__file__).parents[3].parent / "shared" / "parity" / "basicvsr_pp" / "units.npz"
TOLERANCE = 2e-5
"""Measured: 5e-7 in either order of resizing and normalising."""


@pytest.mark.parametrize("order", ["normalise_then_resize", "resize_then_normalise"])
def test_flow_of_basicvsr_weights_is_matched_in_either_order(order):
    if not UNITS.is_file():
        pytest.skip("no recorded tensors: basicvsr_pp/units.npz is not beside the checkout")
    network = SpyNet(order)
    shapes = {published_name(n): tuple(x.shape) for n, x in network.state_dict().items()}
    network.load_state_dict(convert_spynet(seeded.basicvsr_spynet_state_dict(shapes)))
    with np.load(UNITS) as stored, torch.inference_mode():
        images = torch.from_numpy(stored["spynet_input_u8"].astype(np.float32) / 255)
        ours = network(images[:1], images[1:2]).numpy()
        theirs = stored["spynet_flow_0_to_1"].reshape(ours.shape)
    assert relative_l2(ours, theirs) <= TOLERANCE
