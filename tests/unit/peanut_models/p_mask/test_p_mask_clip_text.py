"""CLIP in RoBERTa's place: the layers stage by stage are the model as a whole."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from support.p_mask_stub import RED, ScriptedClip
from support.samwise import SMALL as NETWORK
from support.samwise import byte_symbols, checkpoint, published_shapes, small_checkpoint
from transformers import CLIPTextModel

from peanut_models.errors import InvalidInputError, WeightsMissingError
from peanut_models.p_mask.build import sentence_tracker
from peanut_models.p_mask.clip_text import CLIP_FILE, ClipTextEncoder, clip_config
from peanut_models.p_mask.config import CLIP_TEXT, TextConfig
from peanut_models.p_mask.convert import samwise_config_of
from peanut_models.p_mask.text import Tokenizer, Tokens
from peanut_models.tracking import TargetPrompts

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


# As the text encoder of the whole network --------------------------------------------------------

WORDS = 2 * 256 + 3


def clip_tokenizer(folder):
    """A folder with a byte-level vocabulary as CLIP's: every byte within a word and at its end."""
    letters = byte_symbols()
    words = [*letters, *(f"{w}</w>" for w in letters), "do", "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({w: k for k, w in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\nd o\n")
    return folder


WITH_CLIP = replace(
    NETWORK,
    text=replace(SMALL, vocabulary=WORDS, max_tokens=24, layers_per_stage=(1, 1, 1, 1)),
)


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory):
    """CLIP as its publisher's folder holds it: both towers under their own names."""
    folder = clip_tokenizer(tmp_path_factory.mktemp("clip") / "vit")
    torch.manual_seed(4)
    tower = CLIPTextModel(clip_config(WITH_CLIP.text)).state_dict()
    tensors = {f"text_model.{n.removeprefix('text_model.')}": t for n, t in tower.items()}
    tensors["vision_model.post_layernorm.bias"] = torch.zeros(4)
    save_file({n: t.contiguous() for n, t in tensors.items()}, folder / CLIP_FILE)
    return folder


def masks(tracker, text):
    clip = ScriptedClip(3, {RED: lambda t: (10 + t, 6)})
    wanted = TargetPrompts(target_id="a", frames=clip.frame_range, prompts=[], text=text)
    return [event.tracked.mask for event in tracker.track(clip, [wanted])]


def test_a_trained_network_reads_texts_with_clip_from_its_own_folder(clip_folder, tmp_path):
    trained = checkpoint(published_shapes(WITH_CLIP))
    around = {n: t for n, t in trained.items() if not n.startswith("text_encoder.")}
    assert len(around) < len(trained)
    found = masks(sentence_tracker(around, clip_folder, config=WITH_CLIP), "the dog")
    assert len(found) == 3 and all(mask.shape == (48, 96) for mask in found)
    # A file that holds the encoder too needs the tokenizer alone.
    words = clip_tokenizer(tmp_path / "words")
    assert len(masks(sentence_tracker(trained, words, config=WITH_CLIP), "the dog")) == 3
    with pytest.raises(WeightsMissingError, match=r"CLIP ViT-B's model\.safetensors"):
        sentence_tracker(around, words, config=WITH_CLIP)
    save_file({"vision_model.bias": torch.zeros(2)}, words / CLIP_FILE)
    with pytest.raises(InvalidInputError, match="holds no tensor named text_model"):
        sentence_tracker(around, words, config=WITH_CLIP)


def test_a_text_beyond_clip_s_reach_is_refused_before_anything_is_computed(clip_folder):
    tracker = sentence_tracker(
        checkpoint(published_shapes(WITH_CLIP)), clip_folder, config=WITH_CLIP
    )
    with pytest.raises(InvalidInputError, match="at most 24"):
        masks(tracker, "a very long sentence about one small dog")


def test_the_encoder_is_told_by_the_width_of_its_tokens():
    weights = small_checkpoint()
    name = "cmt_adapters.0.proj_text_down.0.weight"
    # The backbone of a released size, since a small one is none.
    table = {"sam.image_encoder.trunk.pos_embed": torch.zeros(1, 112, 14, 14)}
    blocks = {f"sam.image_encoder.trunk.blocks.{k}.norm1.bias": torch.zeros(1) for k in range(24)}
    for width, encoder in ((768, "roberta"), (512, "clip")):
        held = {**table, **blocks, name: weights[name].new_zeros(256, width)}
        assert samwise_config_of(held).text.encoder == encoder


def test_clip_s_tokens_are_framed_lower_case_and_all_valid(clip_folder):
    words = Tokenizer(clip_folder, "clip")
    tokens = words("Dog")
    assert tokens.ids[0, 0] == WORDS - 2 and tokens.ids[0, -1] == WORDS - 1
    assert tokens.ids.shape == (1, 4) and bool(tokens.valid.all())
    assert words("dog").ids.tolist() == tokens.ids.tolist()
    with pytest.raises(WeightsMissingError, match="CLIP ViT-B"):
        Tokenizer(clip_folder.parent, "clip")
