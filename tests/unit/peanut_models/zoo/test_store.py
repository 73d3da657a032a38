"""The store of weights: complete or not there, checked, never executing what it reads."""

import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from support.e2fgvi import seeded_checkpoint

from peanut_models.checkpoints import read_checkpoint
from peanut_models.errors import (
    InvalidInputError,
    ModelNotFoundError,
    WeightsMissingError,
)
from peanut_models.zoo import CARDS, ModelStore, Stage, card, chosen
from peanut_models.zoo.install import add

HQ = card("e2fgvi_hq")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The hq network's file as its publisher would offer it, with seeded weights."""
    path = tmp_path_factory.mktemp("published") / "E2FGVI-HQ-CVPR22.pth"
    torch.save(seeded_checkpoint("hq"), path)
    return path


@pytest.fixture(scope="module")
def filled(tmp_path_factory, published):
    store = ModelStore(tmp_path_factory.mktemp("models"))
    add(store, HQ, published)
    return store


def test_what_was_added_is_there_and_holds_the_same_tensors(filled, published):
    assert filled.ready(HQ)
    assert filled.verify(HQ).source_name == published.name
    stored = read_checkpoint(filled.path(HQ))
    for name, tensor in seeded_checkpoint("hq").items():
        assert torch.equal(stored[name], tensor), name


def test_the_stored_form_can_be_added_itself(filled, tmp_path):
    again = ModelStore(tmp_path)
    copied = tmp_path / "weights.safetensors"
    copied.write_bytes(filled.path(HQ).read_bytes())
    assert add(again, HQ, copied).blob_sha256 == filled.require(HQ).blob_sha256


def test_missing_weights_name_the_file_and_the_command(tmp_path):
    with pytest.raises(WeightsMissingError, match=r"E2FGVI-CVPR22\.pth.*peanut models add e2fgvi "):
        ModelStore(tmp_path).path(card("e2fgvi"))


def test_a_model_that_ships_with_the_package_is_always_ready(tmp_path):
    store = ModelStore(tmp_path)
    for ours in CARDS:
        assert store.ready(ours) == (ours.weights is None)
    with pytest.raises(InvalidInputError, match="nothing to add"):
        add(store, card("embedded/lanczos"), tmp_path / "x.pth")


def test_another_models_file_is_refused_and_nothing_is_kept(tmp_path):
    other = tmp_path / "other.safetensors"
    save_file({"conv.weight": torch.zeros(3)}, other)
    store = ModelStore(tmp_path / "models")
    with pytest.raises(InvalidInputError, match="not an E2FGVI"):
        add(store, HQ, other)
    assert not store.ready(HQ)
    assert not list((tmp_path / "models").rglob("*.safetensors"))


def test_the_other_variant_is_refused(tmp_path, published):
    with pytest.raises(InvalidInputError, match="hq variant"):
        add(ModelStore(tmp_path), card("e2fgvi"), published)


class Malicious:
    """Runs a command when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (open, (str(self.marker), "w"))


def test_a_malicious_pickle_never_runs(tmp_path):
    marker, bomb = tmp_path / "ran", tmp_path / "E2FGVI-HQ-CVPR22.pth"
    bomb.write_bytes(pickle.dumps({"sc.bias_conv.weight": Malicious(marker)}, protocol=2))
    with pytest.raises(InvalidInputError):
        add(ModelStore(tmp_path / "models"), HQ, bomb)
    assert not marker.exists()


def test_a_blob_that_changed_is_noticed(tmp_path, published):
    store = ModelStore(tmp_path)
    add(store, HQ, published)
    with store.path(HQ).open("r+b") as blob:
        blob.seek(-1, 2)
        blob.write(b"\x7f")
    with pytest.raises(InvalidInputError, match="damaged"):
        store.verify(HQ)


def test_removing_frees_the_blob_and_a_damaged_manifest_counts_as_none(tmp_path, published):
    store = ModelStore(tmp_path)
    add(store, HQ, published)
    blob = store.path(HQ)
    assert store.remove(HQ)
    assert not blob.exists()
    assert not store.remove(HQ)
    (tmp_path / "manifests" / "e2fgvi_hq.json").write_text("{")
    assert store.find(HQ) is None


def test_a_write_that_fails_leaves_nothing(tmp_path, published):
    store = ModelStore(tmp_path)

    def disk_full(part):
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        store.put(HQ, published, disk_full, "0")
    assert not store.ready(HQ)
    assert not list((tmp_path / "blobs").iterdir())


def test_the_program_answers_in_json(tmp_path):
    command = [sys.executable, "-m", "peanut_models.zoo", str(tmp_path)]
    done = subprocess.run([*command, "remove", "e2fgvi"], capture_output=True, text=True)
    assert json.loads(done.stdout) == {"model": "e2fgvi", "removed": False}
    done = subprocess.run([*command, "add", "nothing", "x"], capture_output=True, text=True)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["reason"] == "ModelNotFoundError"


def test_a_stage_takes_the_profiles_model_unless_told_otherwise():
    assert chosen("embedded", Stage.NOF_ERASER).name == "embedded/propagation"
    assert chosen("embedded", Stage.NOF_ERASER, "e2fgvi_hq") is HQ
    assert chosen("embedded", Stage.NOF_ERASER, "embedded").name == "embedded/propagation"
    with pytest.raises(ModelNotFoundError, match="is for nof_eraser, not for ur_net"):
        chosen("embedded", Stage.UR_NET, "e2fgvi_hq")
    with pytest.raises(ModelNotFoundError, match="no model is called"):
        chosen("embedded", Stage.UR_NET, "nothing")


def test_drafts_of_a_killed_process_are_swept_up_a_day_later(tmp_path):
    store, words = ModelStore(tmp_path), tmp_path / "words"
    words.mkdir()
    for name in ("vocab.json", "merges.txt"):
        (words / name).write_text("{}")
    (tmp_path / "blobs").mkdir()
    old, young = (tmp_path / "blobs" / f"{name}.part" for name in ("old", "young"))
    for draft in (old, young):
        draft.write_bytes(b"half")
    os.utime(old, (0, 0))
    add(store, card("roberta/tokenizer"), words)
    assert not old.exists()
    assert young.exists()


def test_the_same_blob_of_two_models_goes_with_the_last(tmp_path, published):
    store, twin = ModelStore(tmp_path), replace(HQ, name="twin_hq")
    assert add(store, HQ, published).blob_sha256 == add(store, twin, published).blob_sha256
    blob = store.path(HQ)
    store.remove(HQ)
    assert blob.exists()
    store.remove(twin)
    assert not blob.exists()
