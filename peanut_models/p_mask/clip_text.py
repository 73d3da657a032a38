"""CLIP's text encoder in RoBERTa's place, callable stage by stage.

The paper's other choice. No weights of SAMWISE with it were published, so what lies around it has
to be trained; the frozen encoder itself is read from a local folder of transformers' layout.

Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision",
2021; Cuttano et al., SAMWISE, CVPR 2025, which reports CLIP-B beside RoBERTa.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from peanut_models.checkpoints import read_checkpoint
from peanut_models.errors import InvalidInputError
from peanut_models.p_mask.config import TextConfig
from peanut_models.p_mask.text import Tokens

CLIP_FILE = "model.safetensors"
"""CLIP's weights in a folder of transformers' layout."""

_TOWER = "text_model."


def clip_text_state(folder: Path) -> dict[str, Tensor]:
    """The text tower of a CLIP model under the names that it has in a SAMWISE checkpoint.

    Args:
        folder: with `CLIP_FILE`, of CLIP as a whole or of its text model alone.

    Raises:
        WeightsMissingError: there is no such file.
        InvalidInputError: it holds no text tower.
    """
    tensors = read_checkpoint(folder / CLIP_FILE, "CLIP ViT-B's model.safetensors")
    tower = {
        f"text_encoder.clip.{name.removeprefix(_TOWER)}": tensor
        for name, tensor in tensors.items()
        if name.startswith(_TOWER) and not name.endswith(".position_ids")
    }
    if not tower:
        raise InvalidInputError(
            f"{folder / CLIP_FILE} holds no tensor named {_TOWER}...: give the folder of CLIP ViT-B"
        )
    return tower


class ClipTextEncoder(nn.Module):
    """CLIP's causal text transformer; a drop-in for `text.TextEncoder`."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config = config
        self.clip: Any = CLIPTextModel(clip_config(config))

    def start(self, tokens: Tokens) -> Float[Tensor, "b l d"]:
        """Token and position embeddings.

        Raises:
            InvalidInputError: too many tokens, or ids outside the vocabulary.
        """
        ids, config = tokens.ids, self.config
        if ids.shape[1] > config.max_tokens:
            raise InvalidInputError(
                f"the text has {ids.shape[1]} tokens: CLIP reads at most {config.max_tokens}; "
                "say it shorter"
            )
        if ids.numel() == 0 or int(ids.min()) < 0 or int(ids.max()) >= config.vocabulary:
            raise InvalidInputError(
                f"token ids must be 0 to {config.vocabulary - 1} and at least one; the tokenizer's "
                "files do not belong to this encoder"
            )
        embedded: Tensor = self.clip.embeddings(input_ids=ids)
        return embedded

    def stage(
        self, k: int, hidden: Float[Tensor, "b l d"], tokens: Tokens
    ) -> Float[Tensor, "b l d"]:
        """The layers beside stage `k` (0 to 3) of the image encoder."""
        first = sum(self.config.layers_per_stage[:k])
        mask = _causal(hidden, tokens)
        for layer in self.clip.encoder.layers[first : first + self.config.layers_per_stage[k]]:
            hidden = layer(hidden, mask)
        return hidden

    def finish(
        self, hidden: Float[Tensor, "b l d"], tokens: Tokens
    ) -> Float[Tensor, "b l_plus_1 d"]:
        """Normalised, with the end token's state in front: where RoBERTa has its `<s>`.

        Only the last token of a causal encoder has read the whole sentence.
        """
        state: Tensor = self.clip.final_layer_norm(hidden)
        last = last_valid(tokens.valid.to(torch.int64))
        summary = state[torch.arange(len(state), device=state.device), last]
        return torch.cat((summary[:, None], state), dim=1)


def last_valid(valid: Int64[Tensor, "b l"]) -> Int64[Tensor, " b"]:
    """Where each text's end token stands."""
    return valid.sum(dim=1) - 1


def _causal(hidden: Float[Tensor, "b l d"], tokens: Tokens) -> Tensor:
    """Added to attention: each token sees itself and those before it that are no padding."""
    length = hidden.shape[1]
    seen = torch.ones(length, length, dtype=torch.bool, device=hidden.device).tril()
    seen = seen[None, None] & tokens.valid[:, None, None, :]
    return torch.zeros_like(seen, dtype=hidden.dtype).masked_fill(~seen, float("-inf"))


def clip_config(config: TextConfig) -> Any:
    """The encoder's configuration, as transformers takes it."""
    built: Any = CLIPTextConfig(
        vocab_size=config.vocabulary,
        hidden_size=config.width,
        num_hidden_layers=sum(config.layers_per_stage),
        num_attention_heads=config.heads,
        intermediate_size=config.feed_forward,
        max_position_embeddings=config.max_tokens,
        bos_token_id=config.vocabulary - 2,
        eos_token_id=config.vocabulary - 1,
        pad_token_id=config.vocabulary - 1,
    )
    built._attn_implementation = "sdpa"
    return built
