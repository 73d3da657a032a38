"""The frozen text encoder, RoBERTa, callable stage by stage, and tokenizers from local files.

Source: Liu et al., "RoBERTa: A Robustly Optimized BERT Pretraining Approach", 2019.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from transformers import CLIPTokenizer, RobertaConfig, RobertaModel, RobertaTokenizerFast

from peanut_models.errors import InvalidInputError, WeightsMissingError
from peanut_models.p_mask.config import TextConfig, TextEncoderName

PAD = 1
"""Id of the padding token; positions are counted from `PAD` + 1."""

TOKENIZER_FILES = (("tokenizer.json",), ("vocab.json", "merges.txt"))
"""Which files a tokenizer's folder must hold: any of these sets."""

MODELS: dict[TextEncoderName, str] = {"roberta": "roberta-base", "clip": "CLIP ViT-B"}
"""Whose tokenizer belongs to which encoder."""

MAX_CHARACTERS = 4096
"""Longer texts are refused before they are cut into tokens."""


class Tokens(NamedTuple):
    """Texts as the encoder takes them.

    Attributes:
        ids: `<s>` first, `</s>` last, then padding to the longest text.
        valid: False on padding.
    """

    ids: Int64[Tensor, "b l"]
    valid: Bool[Tensor, "b l"]


def tokens_from_ids(ids: Int64[Tensor, "b l"]) -> Tokens:
    """Ids that are known already, with padding marked by `PAD`."""
    return Tokens(ids, ids != PAD)


def all_valid(ids: Int64[Tensor, "b l"]) -> Tokens:
    """Ids without padding."""
    return Tokens(ids, torch.ones_like(ids, dtype=torch.bool))


class TextEncoder(nn.Module):
    """RoBERTa without its language-model head."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config = config
        self.roberta = RobertaModel(roberta_config(config), add_pooling_layer=False)

    def start(self, tokens: Tokens) -> Float[Tensor, "b l d"]:
        """Token and position embeddings, normalised; padding is 0.

        Raises:
            InvalidInputError: too many tokens, or ids outside the vocabulary.
        """
        ids, config = tokens.ids, self.config
        if ids.shape[1] > config.max_tokens:
            raise InvalidInputError(
                f"the text has {ids.shape[1]} tokens: at most {config.max_tokens} are possible; "
                "say it shorter"
            )
        if ids.numel() == 0 or int(ids.min()) < 0 or int(ids.max()) >= config.vocabulary:
            raise InvalidInputError(
                f"token ids must be 0 to {config.vocabulary - 1} and at least one; the tokenizer's "
                "files do not belong to this encoder"
            )
        embedded: Tensor = self.roberta.embeddings(input_ids=ids)
        # parity: padding is zeroed once and then takes part in the adapters.
        return embedded * tokens.valid[..., None]

    def stage(
        self, k: int, hidden: Float[Tensor, "b l d"], tokens: Tokens
    ) -> Float[Tensor, "b l d"]:
        """The layers beside stage `k` (0 to 3) of the image encoder."""
        first = sum(self.config.layers_per_stage[:k])
        for layer in self.roberta.encoder.layer[first : first + self.config.layers_per_stage[k]]:
            hidden = layer(hidden, tokens.valid[:, None, None, :])
        return hidden

    def finish(self, hidden: Float[Tensor, "b l d"], tokens: Tokens) -> Float[Tensor, "b l d"]:
        """The final state, with what stands for the whole text in front: `<s>` is there already."""
        del tokens
        return hidden


class Tokenizer:
    """A text encoder's byte-level tokens, from a folder of local files.

    Args:
        folder: of the tokenizer.
        encoder: whose tokens they are.

    Raises:
        WeightsMissingError: the folder lacks the tokenizer's files.
    """

    def __init__(self, folder: Path, encoder: TextEncoderName = "roberta") -> None:
        if not any(all((folder / n).is_file() for n in names) for names in TOKENIZER_FILES):
            raise WeightsMissingError(
                f"no tokenizer in {folder}: it must hold tokenizer.json, or vocab.json and "
                f"merges.txt, of {MODELS[encoder]}"
            )
        self._encoder = encoder
        kinds: dict[TextEncoderName, Any] = {"roberta": RobertaTokenizerFast, "clip": CLIPTokenizer}
        self._tokenizer: Any = kinds[encoder].from_pretrained(str(folder), local_files_only=True)

    def __call__(self, text: str) -> Tokens:
        """One text, never cut; RoBERTa's as given, CLIP's in lower case, as each was trained.

        Raises:
            InvalidInputError: an empty or a very long text.
        """
        if not text.strip():
            raise InvalidInputError("the text prompt is empty: say what to remove")
        if len(text) > MAX_CHARACTERS:
            raise InvalidInputError(
                f"the text prompt has {len(text)} characters: at most {MAX_CHARACTERS} are taken"
            )
        ids = torch.tensor([self._tokenizer(text)["input_ids"]])
        # One text needs no padding, and CLIP's `PAD` is a letter.
        return tokens_from_ids(ids) if self._encoder == "roberta" else all_valid(ids)


def roberta_config(config: TextConfig) -> Any:
    """The encoder's configuration, as transformers takes it."""
    built: Any = RobertaConfig(
        vocab_size=config.vocabulary,
        hidden_size=config.width,
        num_hidden_layers=sum(config.layers_per_stage),
        num_attention_heads=config.heads,
        intermediate_size=config.feed_forward,
        max_position_embeddings=config.max_tokens + PAD + 1,
        # There is one token type, and the published encoder has no embedding for it: zero.
        type_vocab_size=1,
        layer_norm_eps=1e-5,
    )
    built._attn_implementation = "sdpa"
    return built
