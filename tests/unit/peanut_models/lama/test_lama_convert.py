"""Published LaMa files: read without running anything, every tensor accounted for."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from support import lama
from torch import Tensor

from peanut_models.errors import InvalidInputError, WeightsMissingError
from peanut_models.lama.archive import read_archive
from peanut_models.lama.config import NetworkConfig
from peanut_models.lama.convert import build_network, generator_of, load_network, to_published
from peanut_models.zoo import ModelStore, card
from peanut_models.zoo.install import add


class Callback:
    """Something that a trainer leaves in its checkpoint; unpickling it has an effect."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.marker,)


@pytest.fixture
def published() -> dict[str, Tensor]:
    return lama.seeded_checkpoint(lama.published_shapes(lama.TINY))


@pytest.fixture
def trained(tmp_path: Path, published: dict[str, Tensor]) -> Path:
    """A checkpoint as the training framework writes it, with an object that would touch a file."""
    path = tmp_path / "best.ckpt"
    others = {"val_evaluator.lpips.weight": torch.ones(2)}
    callbacks = {Callback: [Callback(tmp_path / "touched")]}
    torch.save({"state_dict": {**others, **published}, "epoch": 3, "callbacks": callbacks}, path)
    return path


def test_a_trainers_checkpoint_is_read_and_nothing_in_it_runs(trained: Path):
    network = load_network(trained)
    assert network.config == lama.TINY
    assert not (trained.parent / "touched").exists()
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, lama.seeded_network().state_dict()[name]), name


def test_the_published_archive_is_read_as_it_came(trained: Path, tmp_path: Path):
    archive = tmp_path / "big-lama.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("big-lama/config.yaml", "run_title: test")
        packed.write(trained, "big-lama/models/best.ckpt")
    assert read_archive(archive).keys() == read_archive(trained).keys()


def test_an_exported_program_is_refused(tmp_path: Path):
    path = tmp_path / "big-lama.pt"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("big-lama/constants.pkl", b"")
    with pytest.raises(InvalidInputError, match="program"):
        read_archive(path)


@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", b"PK\x05\x06" + 18 * b"\0"])
def test_what_is_no_checkpoint_is_refused_by_name(tmp_path: Path, content: bytes):
    path = tmp_path / "best.ckpt"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"best\.ckpt"):
        read_archive(path)


def test_a_missing_file_and_a_file_without_tensors_are_told_apart(tmp_path: Path):
    with pytest.raises(WeightsMissingError, match="no weights"):
        read_archive(tmp_path / "absent.ckpt")
    torch.save({"epoch": 1}, tmp_path / "empty.ckpt")
    with pytest.raises(InvalidInputError, match="state_dict"):
        read_archive(tmp_path / "empty.ckpt")


def test_the_names_lead_there_and_back(published: dict[str, Tensor]):
    again = to_published(build_network(published).state_dict(), lama.TINY)
    assert again.keys() == published.keys()
    assert all(torch.equal(again[name], tensor) for name, tensor in published.items())


def test_an_exports_prefix_is_as_good(published: dict[str, Tensor]):
    exported = {f"model.{name}": tensor for name, tensor in published.items()}
    assert generator_of(exported).keys() == generator_of(published).keys()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda s: s.pop("generator.model.19.bias", s.popitem()), "1 missing"),
        (lambda s: s.update({"generator.model.99.bias": torch.ones(1)}), "1 unexpected"),
        (lambda s: s.update({"generator.model.1.bn_l.bias": torch.ones(5)}), "shape"),
        (
            lambda s: s.update({"generator.model.1.bn_l.bias": torch.full((2,), torch.nan)}),
            "NaN",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    published: dict[str, Tensor],
    change: Callable[[dict[str, Tensor]], object],
    complaint: str,
):
    change(published)
    with pytest.raises(InvalidInputError, match=complaint):
        build_network(published)


def test_another_networks_file_is_refused():
    with pytest.raises(InvalidInputError, match="not a LaMa checkpoint"):
        build_network({"spynet.mean": torch.ones(3)})
    with pytest.raises(InvalidInputError, match="Fourier"):
        build_network({"generator.model.1.weight": torch.ones(3)})


def test_a_config_refuses_nonsense():
    with pytest.raises(InvalidInputError, match="blocks is 0"):
        NetworkConfig(blocks=0)


def test_the_published_archive_can_be_installed_and_read_again(trained: Path, tmp_path: Path):
    archive = tmp_path / "big-lama.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(trained, "big-lama/models/best.ckpt")
    store = ModelStore(tmp_path / "models")
    add(store, card("lama/big"), archive)
    network = load_network(store.path(card("lama/big")))
    stored, seeded = network.state_dict(), lama.seeded_network().state_dict()
    assert all(torch.equal(stored[name], tensor) for name, tensor in seeded.items())
