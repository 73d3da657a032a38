"""Text to SAM 2's prompt space: the contextual prompt ([CLS]) and the motion prompt (verbs).

Source: Cuttano et al., SAMWISE, CVPR 2025, section on prompting.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float
from torch import Tensor, nn

from peanut_models.errors import InvalidInputError
from peanut_models.p_mask.config import CHANNELS

CLS = 0
"""Where the text's [CLS] token, RoBERTa's `<s>`, stands."""


class PromptMlp(nn.Module):
    """Three linear layers with ReLU between; text state in, one sparse prompt token out."""

    def __init__(self, text_width: int) -> None:
        super().__init__()
        widths = (text_width, CHANNELS, CHANNELS)
        self.layers = nn.ModuleList(nn.Linear(width, CHANNELS) for width in widths)

    def forward(self, state: Float[Tensor, "n d"]) -> Float[Tensor, "n 256"]:
        """One token for each state."""
        for layer in self.layers[:-1]:
            state = F.relu(layer(state))
        token: Tensor = self.layers[-1](state)
        return token


class TextPrompts(nn.Module):
    """The sparse prompt tokens that a text gives.

    Args:
        text_width: channels of a text token.
        motion: build the motion prompt's MLP too.
    """

    def __init__(self, text_width: int, *, motion: bool = False) -> None:
        super().__init__()
        self.contextual = PromptMlp(text_width)
        self.motion = PromptMlp(text_width) if motion else None

    def forward(
        self, text: Float[Tensor, "b l d"], verbs: Sequence[int] = ()
    ) -> Float[Tensor, "b n 256"]:
        """One contextual token, and a motion token where the network has one and verbs are given.

        Args:
            text: the text encoder's final state.
            verbs: positions of the verbs' tokens in the text. The published code reads only the
                first of them (parity); which words are verbs is for the caller to say.

        Raises:
            InvalidInputError: a verb outside the text.
        """
        contextual: Tensor = self.contextual(text[:, CLS])[:, None]
        if self.motion is None or not verbs:
            return contextual
        if not all(0 < k < text.shape[1] for k in verbs):
            raise InvalidInputError(
                f"verb positions {list(verbs)} for a text of {text.shape[1]} tokens: they must be "
                f"1 to {text.shape[1] - 1}"
            )
        motion: Tensor = self.motion(text[:, verbs[0]])
        return torch.cat((contextual, motion[:, None]), dim=1)
