"""What the cards promise: complete, consistent, and loadable by name."""

import pytest

from peanut_models.errors import InvalidInputError
from peanut_models.zoo import (
    CARDS,
    PROFILES,
    Commercial,
    PublishedFile,
    card,
    needed,
    profiles_with,
)
from peanut_models.zoo.card import Reader, Weights

WITH_WEIGHTS = [one for one in CARDS if one.weights is not None]


def test_names_are_unique_and_required_cards_exist():
    names = [one.name for one in CARDS]
    assert len(names) == len(set(names))
    assert all(required in names for one in CARDS for required in one.requires)


@pytest.mark.parametrize("one", WITH_WEIGHTS, ids=lambda one: one.name)
def test_a_card_with_weights_says_what_an_editor_must_know(one):
    assert one.licence
    assert one.paper
    assert one.description.endswith(".")
    assert one.commercial is Commercial.YES or one.terms
    assert one.auxiliary or one.good_for
    assert one.weights.origin
    # Either a plain address, over an encrypted connection, or words that say where.
    assert all(file.url.startswith("https://") for file in one.weights.files) or (
        one.weights.origin.startswith("Google Drive, id")
        or one.weights.origin.endswith("after its form")
    )


@pytest.mark.parametrize("one", WITH_WEIGHTS, ids=lambda one: one.name)
def test_an_address_ends_with_the_files_name(one):
    for file in one.weights.files:
        assert not file.url or file.url.endswith(f"/{file.name}")


def test_non_commercial_weights_say_so():
    assert {one.name for one in CARDS if one.commercial is Commercial.NO} >= {
        "e2fgvi",
        "e2fgvi_hq",
        "samwise/mevis",
        "basicvsr_pp/reds4",
    }
    assert not card("raft/large").commercial_use


@pytest.mark.parametrize("name", ["embedded", "commercial"])
def test_profiles_for_sale_hold_nothing_that_is_restricted(name):
    (wanted,) = [p for p in PROFILES if p.name == name]
    assert all(one.commercial_use for one in needed(wanted.cards()))


def test_parts_of_others_count_for_a_profile():
    assert [p.name for p in profiles_with(card("sam2.1/base_plus"))] == ["commercial"]
    assert [p.name for p in profiles_with(card("roberta/tokenizer"))] == ["paper"]
    assert profiles_with(card("e2fgvi")) == ()


@pytest.mark.parametrize(
    "facts",
    [
        {"name": "../up.pth"},
        {"name": "a/b"},
        {"name": "a", "sha256": "ABCDEF01"},
        {"name": "a", "sha256": "abc"},
        {"name": "a", "url": "ftp://x/a"},
        {"name": "a", "size_bytes": -1},
    ],
)
def test_a_file_that_is_described_wrongly_is_refused(facts):
    with pytest.raises(InvalidInputError):
        PublishedFile(**facts)


def test_only_readers_of_folders_take_several_files():
    two = (PublishedFile(name="a"), PublishedFile(name="b"))
    assert Weights(name="x", origin="y", reader=Reader.TOKENIZER, files=two).size_bytes == 0
    with pytest.raises(InvalidInputError, match="2 files"):
        Weights(name="x", origin="y", reader=Reader.SAM2, files=two)
