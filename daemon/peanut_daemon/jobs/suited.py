"""Which upscaler's training suits a clip, from what the file says of itself."""

from __future__ import annotations

from dataclasses import dataclass

from peanut_daemon.media import ClipInfo
from peanut_models.zoo import ModelStore, Stage, card, chosen

AUTO = "auto"

# Codecs that rendered material is handed over in; cameras and their proxies use others.
RENDERED_CODECS = frozenset(
    {"ffv1", "png", "exr", "tiff", "dpx", "qtrle", "rawvideo", "utvideo", "huffyuv"}
)


@dataclass(frozen=True, slots=True)
class Suited:
    """A model's name, empty for the profile's own, and why it was taken."""

    name: str
    reason: str


def suited_upscaler(clip: ClipInfo, profile: str, wanted: str, models: ModelStore) -> Suited:
    """The model that enlarges a clip.

    A network that was trained on another degradation than the clip's loses more than a better
    network gains (BasicVSR++ trained on bicubic shrinking: 29.0 dB on its own kind, 24.6 dB on
    blurred clips), so `auto` goes by what the clip is likely to be.

    Args:
        clip: what is to be enlarged.
        profile: whose choice stands unless another is wanted.
        wanted: a model's name, `auto`, or empty.
        models: what is installed.
    """
    if wanted != AUTO:
        own = chosen(profile, Stage.UR_NET, wanted)
        return Suited(wanted, "asked for" if wanted else f"the profile's choice: {own.description}")
    kind, why = _kind(clip)
    for name in (f"basicvsr_pp/{kind}", "basicvsr_pp/reds4"):
        if models.ready(card(name)):
            return Suited(name, f"auto: {why}")
    missing = f"auto: {why}, but the weights of basicvsr_pp/{kind} are not on this machine"
    return Suited("", missing)


def _kind(clip: ClipInfo) -> tuple[str, str]:
    full_chroma = "444" in clip.pixel_format or "rgb" in clip.pixel_format or clip.has_alpha
    if clip.codec in RENDERED_CODECS or full_chroma:
        return "vimeo_bi", f"{clip.codec} in {clip.pixel_format} is how rendered material comes"
    return "reds4", f"{clip.codec} in {clip.pixel_format} is how camera footage comes"
