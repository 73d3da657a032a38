import pytest
import torch
from support.samwise import byte_tokenizer

from peanut_models.errors import InvalidInputError, WeightsMissingError
from peanut_models.p_mask.text import PAD, Tokenizer, tokens_from_ids


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory) -> Tokenizer:
    """A byte-level vocabulary as roberta-base's, with one merge."""
    return Tokenizer(byte_tokenizer(tmp_path_factory.mktemp("words") / "tokenizer"))


def test_a_sentence_is_framed_and_merged(tokenizer):
    tokens = tokenizer("dog")
    assert tokens.ids[0, 0] == 0 and tokens.ids[0, -1] == 2
    assert tokens.ids.shape == (1, 4)
    assert bool(tokens.valid.all())


def test_one_tokenizer_file_is_as_good_as_two(tokenizer, tmp_path):
    tokenizer._tokenizer.backend_tokenizer.save(str(tmp_path / "tokenizer.json"))
    again = Tokenizer(tmp_path)
    for text in ("dog", "the DOG  on the left, 2 m away"):
        assert again(text).ids.tolist() == tokenizer(text).ids.tolist()


def test_case_and_spaces_are_kept_as_published(tokenizer):
    assert tokenizer("Dog").ids.tolist() != tokenizer("dog").ids.tolist()
    assert tokenizer("a  b").ids.shape != tokenizer("a b").ids.shape


@pytest.mark.parametrize("text", ["собака слева", "左边的狗", "🐕 on the left"])
def test_any_script_becomes_bytes_and_none_is_unknown(tokenizer, text):
    ids = tokenizer(text).ids[0, 1:-1].tolist()
    assert len(ids) == len(text.encode()) and 3 not in ids


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_empty_texts_are_refused(tokenizer, text):
    with pytest.raises(InvalidInputError, match="say what to remove"):
        tokenizer(text)


def test_very_long_texts_are_refused(tokenizer):
    with pytest.raises(InvalidInputError, match="10000 characters"):
        tokenizer("x" * 10000)


def test_a_folder_without_files_is_named(tmp_path):
    with pytest.raises(WeightsMissingError, match=r"vocab\.json and merges\.txt"):
        Tokenizer(tmp_path)


def test_padding_is_marked():
    tokens = tokens_from_ids(torch.tensor([[0, 5, 2], [0, 2, PAD]]))
    assert tokens.valid.tolist() == [[True] * 3, [True, True, False]]
