"""P-MASK's trackers from weights by their published names, or from folders on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from peanut_models.p_mask.clip_text import clip_text_state
from peanut_models.p_mask.config import NetworkConfig, Sam2Config
from peanut_models.p_mask.convert import (
    build_sam2,
    build_samwise,
    sam2_config_of,
    samwise_config_of,
)
from peanut_models.p_mask.grounding import (
    GroundingReader,
    GroundingSettings,
    TransformersDetector,
)
from peanut_models.p_mask.predictor import Sam2Tracker
from peanut_models.p_mask.sam3 import InstanceReader, Sam3Settings, TransformersSam3
from peanut_models.p_mask.samwise import SamwiseSegmenter
from peanut_models.p_mask.segmenter import Sam2Segmenter
from peanut_models.p_mask.sentences import SentenceTracker
from peanut_models.p_mask.settings import Precision, TrackSettings
from peanut_models.p_mask.streams import ClipStream
from peanut_models.p_mask.text import Tokenizer
from peanut_models.tracking import MaskTracker


def clicks_tracker(
    sam2_state: Mapping[str, Tensor],
    device: str = "cpu",
    precision: Precision = "float32",
    *,
    config: Sam2Config | None = None,
    settings: TrackSettings | None = None,
) -> Sam2Tracker:
    """Clicks, boxes and painted masks by SAM 2.

    Args:
        sam2_state: a released SAM 2.0 or 2.1 file's tensors: tiny, base+ or large.
        device: where to run.
        precision: of convolutions and products; the halves are for accelerators.
        config: default: what the tensors say.
        settings: see there.

    Raises:
        InvalidInputError: the tensors are another network's.
    """
    sam = build_sam2(sam2_state, config or sam2_config_of(sam2_state)).to(device)
    return Sam2Tracker(Sam2Segmenter(sam, precision=precision), settings)


def sentence_tracker(
    samwise_state: Mapping[str, Tensor],
    tokenizer: Path,
    clicks: MaskTracker | None = None,
    device: str = "cpu",
    precision: Precision = "float32",
    *,
    config: NetworkConfig | None = None,
    settings: TrackSettings | None = None,
    parity: bool = False,
) -> SentenceTracker:
    """Texts by SAMWISE, and clicks by another tracker.

    Args:
        samwise_state: a published SAMWISE file's tensors.
        tokenizer: folder of the text encoder's tokenizer, or one of its files. CLIP's folder must
            hold its weights too, unless the state has them: it is frozen.
        clicks: for prompts on frames; None: texts only.
        device: where to run.
        precision: of convolutions and products; the halves are for accelerators.
        config: default: what the tensors say; the text encoder, RoBERTa or CLIP-B, and the clip
            and CME windows are set there.
        settings: see there.
        parity: do as the published code: forget the video at a last clip of one frame, believe
            every mask, and go forward from the first frame whatever the playhead.

    Raises:
        InvalidInputError: the tensors are another network's.
        WeightsMissingError: there is no tokenizer, or CLIP's weights are missing.
    """
    settings = settings or TrackSettings()
    if parity:
        settings = replace(settings, confusion=replace(settings.confusion, enabled=False))
    config = config or samwise_config_of(samwise_state)
    config = replace(config, memory_frames=settings.memory_frames)
    folder = tokenizer.parent if tokenizer.is_file() else tokenizer
    words = Tokenizer(folder, config.text.encoder)
    if config.text.encoder == "clip" and not any("text_encoder." in n for n in samwise_state):
        samwise_state = {**samwise_state, **clip_text_state(folder)}
    network = build_samwise(samwise_state, config).to(device)
    segmenter = SamwiseSegmenter(network, words, precision=precision, parity=parity)
    return SentenceTracker(ClipStream(segmenter, settings, from_start=parity), clicks)


def grounding_tracker(
    folder: Path,
    clicks: MaskTracker,
    device: str = "cpu",
    precision: Precision = "float32",
    *,
    settings: GroundingSettings | None = None,
) -> SentenceTracker:
    """Texts by an open-vocabulary detector, whose boxes another tracker carries.

    Args:
        folder: of Grounding DINO or OWLv2, see `TransformersDetector`.
        clicks: for boxes and prompts on frames.
        device: where the detector runs.
        precision: of its convolutions and products.
        settings: see there.

    Raises:
        InvalidInputError: the folder holds another kind of model.
        WeightsMissingError: it lacks a file.
    """
    detector = TransformersDetector(folder, device=device, precision=precision)
    return SentenceTracker(GroundingReader(detector, settings), clicks)


def sam3_tracker(
    folder: Path,
    clicks: MaskTracker | None = None,
    device: str = "cpu",
    precision: Precision = "float32",
    *,
    settings: Sam3Settings | None = None,
) -> SentenceTracker:
    """Texts by SAM 3, all instances of a phrase together, and clicks by another tracker.

    Args:
        folder: of SAM 3, see `TransformersSam3`; its weights' terms are in `sam3.LICENCE`.
        clicks: for prompts on frames; None: texts only.
        device: where SAM 3 runs.
        precision: of its convolutions and products.
        settings: see there.

    Raises:
        InvalidInputError: the folder holds another kind of model.
        WeightsMissingError: it lacks a file.
    """
    finder = TransformersSam3(folder, device=device, precision=precision, settings=settings)
    return SentenceTracker(InstanceReader(finder, settings), clicks)
