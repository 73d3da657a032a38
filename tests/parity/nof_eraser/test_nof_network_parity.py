"""The network against the tensors recorded from the published one, stage by stage."""

from pathlib import Path

import numpy as np
import pytest
import torch
from support import e2fgvi, seeded
from support.e2fgvi import TOLERANCE, relative_l2

from peanut_models.nof_eraser.discriminator import TPatchDiscriminator, discriminator_to_ours

# The largest case takes half a minute on a quiet core.
pytestmark = pytest.mark.timeout(300)

SMALL_FIXTURE = Path(__file__).parent / "data" / "hq_tiny.npz"

COMMON = (
    *("flow_fwd", "flow_bwd", "enc_feat", "dcn_backward", "dcn_forward", "prop_feat"),
    *("tokens", "blk0_attn", "blk0", "blk_last", "trans_feat", "out"),
)
STAGES = {
    "hq_tiny": (*COMMON, "resid_backward", "resid_forward"),
    "hq_216": COMMON,
    "base_432": tuple(name for name in COMMON if not name.startswith(("dcn", "blk0_attn"))),
}


@pytest.mark.parametrize(
    ("case", "stage"), [(case, stage) for case, stages in STAGES.items() for stage in stages]
)
def test_every_recorded_tensor_is_matched(case: str, stage: str):
    facts = e2fgvi.load_json("fixtures.json")[case]["tensors"]
    fact = facts[stage]
    ours = e2fgvi.run_case(case)[stage]
    assert list(ours.shape) == fact["shape"]
    norm = float(np.sqrt((ours.astype(np.float64) ** 2).sum()))
    assert abs(norm - fact["l2"]) <= TOLERANCE * fact["l2"]
    with np.load(e2fgvi.recorded(f"{case}.npz")) as stored:
        theirs = stored[stage]
    part = ours[tuple(slice(*bounds) for bounds in fact["slices"])]
    assert relative_l2(part, theirs) <= TOLERANCE


def test_every_recorded_tensor_is_named_here():
    cases = e2fgvi.load_json("fixtures.json")
    for case, stages in STAGES.items():
        assert set(cases[case]["tensors"]) == set(stages)


def test_a_small_case_is_matched_without_the_recorded_folder():
    given = e2fgvi.case_input([0, 1, 2, 10], 50, 90)
    ours = e2fgvi.traced(e2fgvi.seeded_network("hq"), given, 3)
    with np.load(SMALL_FIXTURE) as stored:
        assert relative_l2(ours["flow_fwd"], stored["flow_fwd"]) <= TOLERANCE
        assert relative_l2(ours["prop_feat"][:, :, ::24], stored["prop_feat"]) <= TOLERANCE
        assert relative_l2(ours["blk_last"][..., ::24], stored["blk_last"]) <= TOLERANCE
        assert relative_l2(ours["out"][..., ::2, ::3], stored["out"]) <= TOLERANCE


@pytest.mark.parametrize("variant", ["base", "hq"])
def test_seeded_weights_are_the_recorded_ones(variant):
    facts = e2fgvi.load_json("weights.check.json")
    ours = e2fgvi.seeded_checkpoint(variant)
    listed = facts["e2fgvi_hq"] if variant == "hq" else facts["e2fgvi"]
    for name, fact in listed.items():
        values = ours[name].numpy().ravel()
        np.testing.assert_allclose(values[:3], fact["first"], rtol=1e-6)
        np.testing.assert_allclose(np.linalg.norm(values.astype(np.float64)), fact["l2"], 1e-6)


def test_the_discriminator_matches_in_both_modes():
    keys = e2fgvi.load_json("e2fgvi_disc.keys.json")
    published = seeded.e2fgvi_state_dict({name: tuple(shape) for name, shape, _ in keys})
    network = TPatchDiscriminator()
    network.load_state_dict(discriminator_to_ours(published))
    frames = seeded.drifting_frames(range(5), 60, 108).astype(np.float32) / 255 * 2 - 1
    given = torch.from_numpy(frames.transpose(0, 3, 1, 2).copy())[None]
    with np.load(e2fgvi.recorded("disc_tiny.npz")) as stored, torch.no_grad():
        assert relative_l2(network.eval()(given).numpy(), stored["out_eval"]) <= TOLERANCE
        assert relative_l2(network.train()(given).numpy(), stored["out_train"]) <= TOLERANCE
        first = network.state_dict()
        assert relative_l2(first["convs.0.weight_u"].numpy(), stored["u_after"]) <= TOLERANCE
        assert relative_l2(first["convs.0.weight_v"].numpy(), stored["v_after"]) <= TOLERANCE
