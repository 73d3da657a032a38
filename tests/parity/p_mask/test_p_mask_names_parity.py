"""Our naming rules against the complete recorded map of SAM 2's and RoBERTa's tensors."""

import pytest
from support import samwise

from peanut_models.p_mask import names
from peanut_models.p_mask.config import HIERA, NetworkConfig, Sam2Config
from peanut_models.p_mask.convert import plain_names

PARTS = ("image.", "heads.", "memory.")


def transformers_name(ours: str) -> str:
    """Ours without the part that it lies in."""
    assert ours.startswith(PARTS), ours
    return ours.split(".", 1)[1]


def test_every_sam_2_tensor_has_the_recorded_name():
    rows = samwise.load_json("sam2_to_transformers_keys.json")["sam2 (Hiera-B+, superset = 2.1)"]
    assert len(rows) == 616
    for published, theirs, row in rows:
        if theirs == "shared_image_embedding.positional_embedding":
            # The same matrix a second time; ours holds it once, in the prompt encoder.
            continue
        if row is not None:
            assert theirs == "prompt_encoder.point_embed.weight"
            assert published.split(".")[-2] == str(row["row"])
            continue
        ours = names.renamed(published, names.SAM)
        assert ours is not None, published
        assert transformers_name(ours) == theirs
        assert names.renamed(ours, names.SAM, back=True) == published


def test_every_roberta_tensor_has_the_recorded_name():
    recorded = samwise.load_json("sam2_to_transformers_keys.json")
    for published, theirs in recorded["roberta"]:
        leaf = "weight"
        published = recorded["roberta_prefix"][0] + published
        published = published.replace(".N.", ".7.").replace("*", leaf)
        ours = names.renamed(published, names.SAMWISE)
        assert ours == "text.roberta." + theirs.replace(".N.", ".7.").replace("*", leaf)
        assert names.renamed(ours, names.SAMWISE, back=True) == published


@pytest.mark.parametrize("variant", ["published", "motion_prompt", "tiny", "large", "image"])
def test_checkpoints_of_every_variant_are_the_recorded_ones(variant):
    rows = {row[0]: tuple(row[1]) for row in samwise.load_json("samwise.keys.json")}
    config = NetworkConfig()
    if variant != "published":
        variants = samwise.load_json("samwise.keys.variants.json")
        change = next(v for name, v in variants.items() if name.startswith(variant))
        for name in change["removed"]:
            rows.pop(name if isinstance(name, str) else name[0])
        for name, shape, *_ in change["added"] + change["changed_shape"]:
            rows[name] = tuple(shape)
        config = {
            "motion_prompt": NetworkConfig(motion_prompt=True),
            "tiny": NetworkConfig(sam=Sam2Config(hiera=HIERA["tiny"])),
            "large": NetworkConfig(sam=Sam2Config(hiera=HIERA["large"])),
            "image": NetworkConfig(hsa=False),
        }[variant]
    ours = dict(samwise.published_shapes(config))
    if variant == "image":
        ours = {n: s for n, s in ours.items() if "obj_score" not in n and n != "sam.no_obj_ptr"}
    assert ours == plain_names(rows)
