"""CLIP in RoBERTa's place: the layers stage by stage are the model as a whole."""

import pytest
import torch

from peanut_models.errors import InvalidInputError
from peanut_models.p_mask.clip_text import ClipTextEncoder
from peanut_models.p_mask.config import CLIP_TEXT, TextConfig
from peanut_models.p_mask.text import Tokens

SMALL = TextConfig(
    encoder="clip", width=16, heads=2, feed_forward=32, vocabulary=50, max_tokens=12,
    layers_per_stage=(1, 1, 2, 1),
)  # fmt: skip
END = 49


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(3)
    return ClipTextEncoder(SMALL).eval()


def tokens(*ids, length=8):
    """One text, padded as CLIP's tokenizer does, with the end token."""
    padded = [48, *ids, END] + [END] * (length - len(ids) - 2)
    valid = [True] * (len(ids) + 2) + [False] * (length - len(ids) - 2)
    return Tokens(torch.tensor([padded]), torch.tensor([valid]))


def run(encoder, said):
    hidden = encoder.start(said)
    for k in range(4):
        hidden = encoder.stage(k, hidden, said)
    return encoder.finish(hidden, said)


@torch.inference_mode()
def test_stage_by_stage_is_the_whole_model(encoder):
    said = tokens(5, 9, 30)
    whole = encoder.clip(input_ids=said.ids, attention_mask=said.valid.to(torch.int64))
    state = run(encoder, said)
    valid = said.valid[0]
    assert torch.allclose(state[0, 1:][valid], whole.last_hidden_state[0][valid], atol=1e-5)
    assert torch.allclose(state[:, 0], whole.pooler_output, atol=1e-5)


@torch.inference_mode()
def test_padding_changes_nothing_and_every_word_reaches_the_summary(encoder):
    short, long = run(encoder, tokens(5, 9, 30, length=5)), run(encoder, tokens(5, 9, 30, length=9))
    assert torch.allclose(short[:, 0], long[:, 0], atol=1e-5)
    other = run(encoder, tokens(6, 9, 30, length=5))
    assert not torch.allclose(short[:, 0], other[:, 0], atol=1e-3)


def test_texts_beyond_its_reach_are_refused(encoder):
    with pytest.raises(InvalidInputError, match="reads at most 12"):
        encoder.start(tokens(*[1] * 20, length=24))
    with pytest.raises(InvalidInputError, match="0 to 49"):
        encoder.start(Tokens(torch.tensor([[77]]), torch.tensor([[True]])))


def test_the_published_size_and_an_unknown_encoder():
    assert (CLIP_TEXT.width, CLIP_TEXT.max_tokens, sum(CLIP_TEXT.layers_per_stage)) == (512, 77, 12)
    with pytest.raises(InvalidInputError, match="bert2"):
        TextConfig(encoder="bert2")
