import argparse
import pickle
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from support.samwise import SMALL, checkpoint, published_shapes, small_checkpoint

from peanut_models.checkpoints import read_checkpoint
from peanut_models.errors import InvalidInputError, WeightsMissingError
from peanut_models.p_mask.backbone import Sam2
from peanut_models.p_mask.config import HIERA, NetworkConfig, Sam2Config
from peanut_models.p_mask.convert import (
    TOKEN_TYPES,
    build_samwise,
    load_sam2,
    load_samwise,
    sam2_config_of,
    sam2_to_ours,
    sam2_to_published,
    samwise_config_of,
    samwise_to_ours,
    samwise_to_published,
)
from peanut_models.p_mask.network import PMaskNetwork

NORM = "sam.memory_attention.layers.2.norm1.weight"
LEFTOVERS = {
    "text_encoder._float_tensor": torch.zeros(1),
    "text_encoder.model.encoder.sentence_encoder.version": torch.full((1,), 3.0),
    "text_encoder.model.encoder.lm_head.dense.weight": torch.zeros(4, 4),
    "conditional_memory_encoder.transformerBlock.norm2.bias": torch.zeros(256),
    "sam.image_encoder.total_ops": torch.zeros(1, dtype=torch.float64),
}


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    return small_checkpoint()


@pytest.mark.parametrize(
    ("config", "tensors"),
    [
        # 932 published tensors, less ten that nothing reads.
        (NetworkConfig(), 922),
        (NetworkConfig(motion_prompt=True), 928),
        (NetworkConfig(hsa=False), 895),
        (NetworkConfig(sam=Sam2Config(hiera=HIERA["tiny"])), 778),
        (NetworkConfig(sam=Sam2Config(hiera=HIERA["large"])), 1210),
    ],
)
def test_every_tensor_goes_there_and_back(config, tensors):
    with torch.device("meta"):
        ours = PMaskNetwork(config).state_dict()
        published = samwise_to_published(ours)
        assert len(published) == tensors
        found = samwise_config_of(published)
    assert found == replace(
        NetworkConfig(), sam=config.sam, hsa=config.hsa, motion_prompt=config.motion_prompt
    )
    assert samwise_to_published({TOKEN_TYPES: ours[TOKEN_TYPES]}) == {}


@pytest.mark.parametrize("version", ["2.0", "2.1"])
@pytest.mark.parametrize("size", ["tiny", "small", "base_plus", "large"])
def test_released_sam_2_files_tell_what_they_are(size, version):
    config = Sam2Config(hiera=HIERA[size], version=version, stability_fallback=True)
    with torch.device("meta"):
        published = sam2_to_published(Sam2(config).state_dict())
    assert sam2_config_of(published) == config
    assert len([name for name in published if ".point_embeddings." in name]) == 4


def test_conversion_keeps_every_value(published):
    back = samwise_to_published(samwise_to_ours(published, SMALL))
    assert back.keys() == published.keys()
    assert all(torch.equal(back[name], tensor) for name, tensor in published.items())


def test_prefixes_and_leftovers_of_training_are_seen_through(published):
    wrapped = {f"module.{name}": tensor for name, tensor in {**published, **LEFTOVERS}.items()}
    ours = samwise_to_ours(wrapped, SMALL)
    assert ours.keys() == samwise_to_ours(published, SMALL).keys()


def test_a_saved_training_state_loads_frozen(published, tmp_path):
    args = argparse.Namespace(lr=1e-5, HSA=True)
    saved = {"model": published, "epoch": 4, "args": args, "optimizer": {"state": {}}}
    torch.save(saved, tmp_path / "final_model.pth")
    network = load_samwise(tmp_path / "final_model.pth", SMALL)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not any(tensor.is_meta for tensor in network.state_dict().values())
    assert not any(buffer.is_meta for buffer in network.buffers())
    network.to(torch.float64)


def test_safetensors_are_read_too(published, tmp_path):
    save_file({n: t.contiguous() for n, t in published.items()}, tmp_path / "small.safetensors")
    network = load_samwise(tmp_path / "small.safetensors", SMALL)
    assert torch.equal(
        network.cme.head.bias, published["conditional_memory_encoder.decision_class_head.bias"]
    )


def test_image_pre_training_is_completed_from_sam_2(published):
    config = replace(SMALL, hsa=False)
    whole = checkpoint(published_shapes(config))
    partial = {n: t for n, t in whole.items() if "obj_score" not in n and n != "sam.no_obj_ptr"}
    with pytest.raises(InvalidInputError, match="as `base` too"):
        samwise_to_ours(partial, config)
    base = {n.removeprefix("sam."): 2 * t for n, t in published.items() if n.startswith("sam.")}
    base = {n: t for n, t in base.items() if "project_text" not in n}
    ours = samwise_to_ours(partial, config, base)
    assert torch.equal(ours["sam.heads.no_object_pointer"], base["no_obj_ptr"])
    kept = "sam.heads.mask_decoder.iou_token.weight"
    assert torch.equal(ours[kept], partial["sam.sam_mask_decoder.iou_token.weight"])


def test_sam_2_alone_from_a_released_file(tmp_path):
    config = replace(SMALL.sam, version="2.1")
    with torch.device("meta"):
        shapes = {n: t.shape for n, t in sam2_to_published(Sam2(config).state_dict()).items()}
    saved = checkpoint({name: tuple(shape) for name, shape in shapes.items()})
    torch.save({"model": saved}, tmp_path / "sam2.1_small.pt")
    sam = load_sam2(tmp_path / "sam2.1_small.pt", config)
    rows = [saved[f"sam_prompt_encoder.point_embeddings.{k}.weight"] for k in range(4)]
    assert torch.equal(sam.heads.prompt_encoder.point_embed.weight, torch.cat(rows))
    with pytest.raises(InvalidInputError, match="unexpected"):
        sam2_to_ours(saved, SMALL.sam)


@pytest.mark.parametrize(
    "name",
    [
        NORM,
        "sam.sam_prompt_encoder.point_embeddings.2.weight",
        "cmt_adapters.1.spatial_pos_embed",
    ],
)
def test_a_missing_tensor_is_counted(published, name):
    partial = {key: tensor for key, tensor in published.items() if key != name}
    with pytest.raises(InvalidInputError, match="1 missing"):
        samwise_to_ours(partial, SMALL)


@pytest.mark.parametrize("name", ["backbone.weight", "cmt_adapters.3.norm_pre_HSA.bias"])
def test_an_unexpected_tensor_is_counted(published, name):
    with pytest.raises(InvalidInputError, match="1 unexpected"):
        samwise_to_ours({**published, name: torch.zeros(1)}, SMALL)


def test_another_size_is_refused(published):
    other = replace(SMALL, text=replace(SMALL.text, feed_forward=96))
    with pytest.raises(InvalidInputError, match="another model or size"):
        samwise_to_ours(published, other)


@pytest.mark.parametrize(
    "name",
    [
        "cmt_adapters.0.spatial_pos_embed",
        "sam.sam_prompt_encoder.point_embeddings.1.weight",
        NORM,
    ],
)
def test_a_wrong_shape_is_refused(published, name):
    with pytest.raises(InvalidInputError, match="expected"):
        samwise_to_ours({**published, name: torch.zeros(7)}, SMALL)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(published, value):
    bad = published[NORM].clone()
    bad[3] = value
    with pytest.raises(InvalidInputError, match="NaN or infinite"):
        build_samwise({**published, NORM: bad}, SMALL)


def test_integers_where_numbers_belong_are_refused(published):
    with pytest.raises(InvalidInputError, match=r"torch\.int64"):
        samwise_to_ours({**published, NORM: published[NORM].long()}, SMALL)


def test_other_networks_are_named_by_what_they_hold():
    with pytest.raises(InvalidInputError, match=r"it holds conv1\.weight"):
        samwise_config_of({"conv1.weight": torch.zeros(64, 3, 7, 7)})


def test_files_that_are_no_checkpoints_are_refused(tmp_path):
    with pytest.raises(WeightsMissingError, match="no weights at"):
        read_checkpoint(tmp_path / "absent.pth")
    (tmp_path / "text.pth").write_text("not a checkpoint")
    with pytest.raises(InvalidInputError, match="no plain checkpoint"):
        read_checkpoint(tmp_path / "text.pth")
    (tmp_path / "text.safetensors").write_text("not a checkpoint")
    with pytest.raises(InvalidInputError, match="no plain checkpoint"):
        read_checkpoint(tmp_path / "text.safetensors")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(InvalidInputError, match="no plain state dict"):
        read_checkpoint(tmp_path / "list.pth")
    with (tmp_path / "code.pth").open("wb") as file:
        pickle.dump({"model": _Runs()}, file, protocol=2)
    with pytest.raises(InvalidInputError, match="no plain checkpoint"):
        read_checkpoint(tmp_path / "code.pth")


class _Runs:
    """A pickle of it would call a function where it is loaded."""

    def __reduce__(self):
        return (print, ("loaded",))
