"""From a publisher, a mirror or a folder into the store: checked, converted, trusted once."""

import hashlib
import io
import json
import os
import pickle
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from support.http_server import FileServer
from torchvision.models.optical_flow import raft_small

from peanut_models.checkpoints import read_checkpoint
from peanut_models.errors import InvalidInputError, ModelNotFoundError, WeightsMissingError
from peanut_models.zoo import ModelStore, PublishedFile, Weights, card
from peanut_models.zoo.card import Reader, one_file
from peanut_models.zoo.download import DownloadSettings
from peanut_models.zoo.errors import (
    LicenceNotAcceptedError,
    NoAddressError,
    SourceRefusedError,
    SourceUnreachableError,
    StoreBusyError,
    StoreFullError,
    WrongHashError,
    WrongSizeError,
)
from peanut_models.zoo.install import add
from peanut_models.zoo.pull import PullSettings, cards_for, pull, summary
from peanut_models.zoo.sources import source_of

QUICK = DownloadSettings(attempts=2, first_wait_s=0.0, timeout_s=20.0, spare_bytes=0)
FILE = "raft_small.pth"
TOKENS = {
    "vocab.json": json.dumps({"<s>": 0, "a": 1}).encode(),
    "merges.txt": b"#version: 0.2\n",
    "tokenizer.json": b"{}",
}


def file_of(tensors):
    """As `torch.save` writes it."""
    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def tensors():
    torch.manual_seed(3)
    return raft_small(weights=None, progress=False).state_dict()


@pytest.fixture(scope="module")
def published(tensors):
    return file_of(tensors)


@pytest.fixture
def server(published):
    with FileServer({FILE: published}) as running:
        yield running


@pytest.fixture
def store(tmp_path):
    return ModelStore(tmp_path / "models")


def raft(url="", **facts):
    weights = one_file(FILE, "a test's server", Reader.RAFT, url=url, **facts)
    return replace(card("raft/small"), weights=weights)


def words(server):
    """A tokenizer in three files."""
    files = [PublishedFile(name=name, url=server.url(f"words/{name}")) for name in TOKENS]
    server.files |= {f"words/{name}": data for name, data in TOKENS.items()}
    weights = Weights(name="words", origin="a test", reader=Reader.TOKENIZER, files=tuple(files))
    return replace(card("roberta/tokenizer"), weights=weights)


def pulled(store, one, **settings):
    """What `pull` gives, or the error that kept the only model from coming."""
    settings.setdefault("accept_licence", True)
    done = pull(store, [one], PullSettings(download=QUICK, **settings))
    if error := summary(done.failed):
        raise error
    return done.installed[0]


def left_over(store, one):
    folder = store.partial(one)
    return sorted(file.name for file in folder.rglob("*")) if folder.exists() else []


def test_a_pulled_model_holds_the_published_tensors_and_its_origin(
    store, server, published, tensors
):
    digest = hashlib.sha256(published).hexdigest()
    one = raft(server.url(FILE), sha256=digest, size_bytes=len(published))
    events = []
    done = pull(store, [one], PullSettings(accept_licence=True, download=QUICK), tell=events.append)
    assert done.failed == {}
    (installed,) = done.installed
    assert (installed.source_sha256, installed.source) == (digest, server.url(FILE))
    stored = read_checkpoint(store.path(one))
    assert all(torch.equal(stored[name], tensor) for name, tensor in tensors.items())
    assert store.path(one).suffix == ".safetensors"
    assert [e["event"] for e in events][:2] == ["model", "fetch"]
    assert {e["event"] for e in events} == {"model", "fetch", "check", "ready"}
    assert left_over(store, one) == []


def test_what_is_here_is_not_fetched_again(store, server):
    one = raft(server.url(FILE))
    first = pulled(store, one)
    asked = len(server.requests)
    assert pulled(store, one) == first
    assert len(server.requests) == asked


@pytest.mark.parametrize("digits", [8, 64])
def test_a_wrong_hash_is_refused_and_nothing_is_kept(store, server, digits):
    one = raft(server.url(FILE), sha256="ab" * (digits // 2))
    with pytest.raises(WrongHashError, match="abababab"):
        pulled(store, one)
    assert store.find(one) is None
    assert left_over(store, one) == []
    assert store.trust(one).files() == {}


def test_a_wrong_size_is_refused(store, server, published):
    with pytest.raises(WrongSizeError, match=str(len(published))):
        pulled(store, raft(server.url(FILE), size_bytes=5))


def test_a_missing_file_is_told_with_its_address(store, server):
    with pytest.raises(SourceRefusedError, match=r"gone\.pth answers 404"):
        pulled(store, raft(server.url("gone.pth")))


def test_a_cut_pull_goes_on_next_time(store, server, published):
    one = raft(server.url(FILE))
    server.cut_after, server.cuts_left = 1_000_000, 2
    with pytest.raises(SourceUnreachableError):
        pulled(store, one)
    assert left_over(store, one) == [FILE, f"{FILE}.json"]
    pulled(store, one)
    assert server.asked("range")[-1] == "bytes=2000000-"
    assert store.ready(one)


def test_a_full_disk_while_storing_keeps_what_was_fetched(store, server, monkeypatch):
    one = raft(server.url(FILE))

    def full(tensors, path):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("peanut_models.zoo.readers.save_file", full)
        with pytest.raises(StoreFullError, match="disk is full"):
            pulled(store, one)
    assert store.find(one) is None
    pulled(store, one)
    assert len(server.requests) == 1  # nothing was fetched twice


def test_first_contents_are_recorded_and_enforced(store, server, tensors):
    one = raft(server.url(FILE))
    first = pulled(store, one)
    assert store.trust(one).files()[FILE].sha256 == first.source_sha256
    assert store.remove(one)
    changed = {name: tensor + 1 for name, tensor in tensors.items()}
    server.files[FILE], server.tag = file_of(changed), '"two"'
    with pytest.raises(WrongHashError, match="--trust-anew"):
        pulled(store, one)
    assert store.find(one) is None
    server.statuses = [404]
    with pytest.raises(SourceRefusedError):
        pulled(store, one, trust_anew=True)  # nothing came, so the record stands
    assert store.trust(one).files()[FILE].sha256 == first.source_sha256
    again = pulled(store, one, trust_anew=True)
    assert again.source_sha256 != first.source_sha256
    assert [blob.stem for blob in store.path(one).parent.iterdir()] == [again.blob_sha256]
    assert store.trust(one).files()[FILE].sha256 == again.source_sha256


def test_adding_a_file_by_its_published_name_is_held_to_the_record_too(
    store, server, tensors, tmp_path
):
    one = raft(server.url(FILE))
    pulled(store, one)
    other = tmp_path / FILE
    other.write_bytes(file_of({name: tensor + 1 for name, tensor in tensors.items()}))
    with pytest.raises(WrongHashError, match="first came"):
        add(store, one, other)


def test_a_record_that_cannot_be_read_is_not_taken_for_none(store, server):
    one = raft(server.url(FILE))
    pulled(store, one)
    store.remove(one)
    next(store.trust(one)._path.parent.rglob("*.json")).write_text("{")
    with pytest.raises(InvalidInputError, match="cannot be read"):
        pulled(store, one)


class Bomb:
    """Runs a command when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (os.mkdir, (str(self.marker),))


@pytest.mark.parametrize("form", ["pickle", "zip"])
def test_a_malicious_pickle_never_runs(store, server, tmp_path, form):
    marker = tmp_path / "ran"
    bomb = {"feature_encoder.convnormrelu.0.weight": Bomb(marker)}
    server.files[FILE] = pickle.dumps(bomb, protocol=2) if form == "pickle" else file_of(bomb)
    one = raft(server.url(FILE))
    with pytest.raises(InvalidInputError, match="no plain"):
        pulled(store, one)
    assert not marker.exists()
    assert store.find(one) is None
    assert store.trust(one).files() == {}
    assert left_over(store, one) == []


def test_another_models_file_is_not_trusted(store, server):
    server.files[FILE] = file_of({"conv.weight": torch.zeros(2)})
    one = raft(server.url(FILE))
    with pytest.raises(InvalidInputError, match="raft_small"):
        pulled(store, one)
    assert store.trust(one).files() == {}


def test_a_restricted_licence_needs_a_yes_before_anything_is_fetched(store, server):
    with pytest.raises(LicenceNotAcceptedError, match=r"BSD-3.*conditions.*--accept-licence"):
        pulled(store, raft(server.url(FILE)), accept_licence=False)
    assert server.requests == []


def test_a_model_of_several_files(store, server):
    one = words(server)
    installed = pulled(store, one, accept_licence=False)
    assert installed.is_folder
    assert installed.source == server.url("words")
    for name, data in TOKENS.items():
        assert (store.path(one) / name).read_bytes() == data
    assert set(store.trust(one).files()) == set(TOKENS)
    store.remove(one)
    server.files["words/vocab.json"], server.tag = b"{}", '"two"'
    with pytest.raises(WrongHashError, match=r"vocab\.json"):
        pulled(store, one)


def test_a_mirror_has_the_files_by_name(store, server):
    one = words(server)
    server.files = {f"mirror/{name}": data for name, data in server.files.items()}
    pulled(store, one, source=source_of(f"{server.address}/mirror/"))
    assert [path for path, _ in server.requests] == [f"/mirror/words/{name}" for name in TOKENS]
    server.files[f"mirror/{FILE}"] = server.files[f"mirror/{FILE}"]
    pulled(store, raft("http://publisher.invalid/x"), source=source_of(server.url("mirror")))


def test_a_folder_gives_what_it_has_and_the_publisher_the_rest(store, server, published, tmp_path):
    one, folder = words(server), tmp_path / "got"
    (folder / "words").mkdir(parents=True)
    (folder / "words" / "vocab.json").write_bytes(TOKENS["vocab.json"])
    (folder / FILE).write_bytes(published)
    pulled(store, one, source=source_of(str(folder)))
    assert [path for path, _ in server.requests] == ["/words/merges.txt", "/words/tokenizer.json"]
    found = pulled(store, raft(), source=source_of(folder.as_uri()))
    assert found.source == str(folder / FILE)
    assert (folder / FILE).is_file()  # taken, not moved


def test_pickles_and_code_in_a_folder_stay_where_they_are(store, server, tmp_path):
    folder = tmp_path / "words"
    folder.mkdir()
    for name, data in {**TOKENS, "pytorch_model.bin": b"x", "modeling.py": b"x"}.items():
        (folder / name).write_bytes(data)
    add(store, words(server), folder)
    assert {file.name for file in store.path(words(server)).iterdir()} == set(TOKENS)


def test_a_detector_of_another_kind_is_refused(store, tmp_path):
    detector = card("grounding/dino_tiny")
    assert detector.weights is not None
    files = tuple(replace(file, sha256="", size_bytes=0) for file in detector.weights.files)
    one = replace(detector, weights=replace(detector.weights, files=files))
    save_file({"w": torch.zeros(2)}, tmp_path / "model.safetensors")
    (tmp_path / "preprocessor_config.json").write_text("{}")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(InvalidInputError, match="bert"):
        add(store, one, tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "owlv2"}))
    assert add(store, one, tmp_path).is_folder
    (tmp_path / "model.safetensors").write_bytes(b"\x80\x04 no tensors")
    with pytest.raises(InvalidInputError, match=r"model\.safetensors cannot be read"):
        add(store, one, tmp_path, trust_anew=True)
    assert store.find(one) is not None  # what was there before still is


def test_without_an_address_the_error_names_where_and_the_command(store, tmp_path):
    hq = card("e2fgvi_hq")
    wanted = r"Google Drive.*peanut models add e2fgvi_hq E2FGVI-HQ-CVPR22\.pth --accept-licence"
    with pytest.raises(NoAddressError, match=wanted):
        pulled(store, hq)
    with pytest.raises(NoAddressError, match="is not in"):
        pulled(store, hq, source=source_of(str(tmp_path)))


def test_one_that_fails_keeps_no_other_from_coming(store, server):
    lost, found = card("e2fgvi"), words(server)
    done = pull(store, [lost, found], PullSettings(accept_licence=True, download=QUICK))
    assert list(done.failed) == ["e2fgvi"]
    assert [i.model for i in done.installed] == ["roberta/tokenizer"]


def test_two_pulls_of_the_same_model_do_not_mix(store, server):
    one = raft(server.url(FILE))
    inner = []

    def second(event):
        if event["event"] == "fetch" and not inner:
            inner.append(pull(store, [one], PullSettings(accept_licence=True, download=QUICK)))

    pull(store, [one], PullSettings(accept_licence=True, download=QUICK), tell=second)
    assert isinstance(inner[0].failed["raft/small"], StoreBusyError)
    assert store.ready(one)


def test_sources_that_are_none(tmp_path):
    with pytest.raises(InvalidInputError, match="ftp"):
        source_of("ftp://mirror.invalid/")
    with pytest.raises(WeightsMissingError, match="no such folder"):
        source_of(str(tmp_path / "none"))


def test_a_profile_is_all_that_its_stages_need():
    names = [one.name for one in cards_for("commercial")]
    assert names == ["sam2.1/base_plus", "grounding/dino_tiny"]
    assert [one.name for one in cards_for("paper")][:2] == ["roberta/tokenizer", "samwise/mevis"]
    assert cards_for("embedded") == ()
    with pytest.raises(ModelNotFoundError, match="nothing"):
        cards_for("nothing")
