"""Texts by an open-vocabulary detector: it finds a box on some key frames, clicks' tracker spreads.

Grounding DINO (Liu et al., ECCV 2024) and OWLv2 (Minderer et al., NeurIPS 2023) are read from a
folder on this machine through transformers; their published weights may be used commercially. They
see single frames: a text that only motion could resolve is not for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from jaxtyping import UInt8
from numpy import ndarray
from transformers import AutoConfig, AutoModelForZeroShotObjectDetection, AutoProcessor

from peanut_models.errors import InvalidInputError, WeightsMissingError
from peanut_models.p_mask.segmenter import running
from peanut_models.p_mask.settings import Precision
from peanut_models.ranges import FrameRange
from peanut_models.stages import BoxPrompt, FrameReader
from peanut_models.tracking import TargetPrompts

Image = UInt8[ndarray, "h w 3"]

DETECTORS = ("grounding-dino", "mm-grounding-dino", "owlv2")
"""Kinds of models that are understood, as `config.json` names them."""

_NEEDED = (
    ("config.json",),
    ("model.safetensors",),
    ("preprocessor_config.json", "processor_config.json"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundingSettings:
    """Where the detector looks, and what it must be sure of.

    Raises:
        InvalidInputError: a value outside its range.
    """

    key_frames: int = 8
    """Frames that are looked at, spread over the run: each costs a run of the detector."""

    least_score: float = 0.25
    """Boxes below it are noise; the published demos use 0.2 (OWLv2) to 0.35 (Grounding DINO)."""

    def __post_init__(self) -> None:
        if self.key_frames < 1:
            raise InvalidInputError(f"key_frames is {self.key_frames}: it must be 1 or more")
        if not 0 <= self.least_score <= 1:
            raise InvalidInputError(f"least_score is {self.least_score}: it must be 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """A box that fits a text.

    Attributes:
        box_xyxy_px: in pixels of the frame; may reach beyond it.
        score: 0 to 1.
    """

    box_xyxy_px: tuple[float, float, float, float]
    score: float


class Detector(Protocol):
    """Finds on a single frame what a text names."""

    def check(self, text: str) -> None:
        """Refuse a text that it cannot read."""
        ...

    def __call__(self, image: Image, text: str) -> Sequence[Detection]:
        """All boxes, in any order."""
        ...


class GroundingReader:
    """`TextReader` by a detector: the best box on the key frames.

    Args:
        detector: finds boxes.
        settings: see there.
    """

    def __init__(self, detector: Detector, settings: GroundingSettings | None = None) -> None:
        self._detector = detector
        self._settings = settings or GroundingSettings()

    def check(self, text: str) -> None:
        """See `TextReader`."""
        self._detector.check(text)

    def surest(self, frames: FrameReader, target: TargetPrompts) -> BoxPrompt | None:
        """See `TextReader`."""
        said = {prompt.frame_index for prompt in target.prompts}
        best: tuple[float, BoxPrompt] | None = None
        for k in key_frames(target.frames, self._settings.key_frames):
            if k in said:
                continue
            image = frames.read(k)
            for found in self._detector(image, target.text):
                box = _clipped(found.box_xyxy_px, *image.shape[:2])
                if box is None or found.score < self._settings.least_score:
                    continue
                if best is None or found.score > best[0]:
                    best = found.score, BoxPrompt(frame_index=k, box_xyxy_px=box)
        return None if best is None else best[1]


class TransformersDetector:
    """Grounding DINO or OWLv2 from a folder of local files.

    Args:
        folder: as published: `config.json`, `model.safetensors`, the processor's and the
            tokenizer's files. Nothing in it is executed.
        device: where to run.
        precision: of convolutions and products.

    Raises:
        WeightsMissingError: the folder lacks a file.
        InvalidInputError: it holds another kind of model.
    """

    def __init__(
        self, folder: Path, *, device: str = "cpu", precision: Precision = "float32"
    ) -> None:
        missing = [
            " or ".join(names)
            for names in _NEEDED
            if not any((folder / name).is_file() for name in names)
        ]
        if missing:
            raise WeightsMissingError(
                f"no detector in {folder}: {', '.join(missing)} missing; give the folder of a "
                "downloaded Grounding DINO or OWLv2"
            )
        local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        config: Any = AutoConfig.from_pretrained(str(folder), **local)
        kind = config.model_type
        if kind not in DETECTORS:
            raise InvalidInputError(
                f"{folder} holds a model of kind {kind!r}: use one of {', '.join(DETECTORS)}"
            )
        # Any: transformers leaves these factories untyped.
        processors: Any = AutoProcessor
        models: Any = AutoModelForZeroShotObjectDetection
        self._processor = processors.from_pretrained(str(folder), **local)
        model = models.from_pretrained(str(folder), use_safetensors=True, **local)
        self._model = model.to(device).eval()
        self._device = torch.device(device)
        self._precision = precision
        self._reads_phrases = kind != "owlv2"
        if self._reads_phrases:
            self._most_tokens = int(config.max_text_len)
        else:
            self._most_tokens = int(config.text_config.max_position_embeddings)

    def check(self, text: str) -> None:
        """See `Detector`.

        Raises:
            InvalidInputError: more tokens than the model takes.
        """
        count = len(self._processor.tokenizer(self._phrase(text))["input_ids"])
        if count > self._most_tokens:
            raise InvalidInputError(
                f"the text has {count} tokens: this detector takes {self._most_tokens} at most; "
                "name the object in few words"
            )

    def _phrase(self, text: str) -> str:
        # Grounding DINO was trained on lower-case phrases that end with a full stop.
        return f"{text.strip().lower().rstrip('.')}." if self._reads_phrases else text.strip()

    def __call__(self, image: Image, text: str) -> list[Detection]:
        """See `Detector`."""
        said: Any = self._phrase(text) if self._reads_phrases else [[self._phrase(text)]]
        given = self._processor(images=image, text=said, return_tensors="pt").to(self._device)
        with running(self._device, self._precision):
            out = self._model(**given)
        options: dict[str, Any] = {"threshold": 0.0, "target_sizes": [image.shape[:2]]}
        if self._reads_phrases:
            options |= {"input_ids": given["input_ids"], "text_threshold": 0.0}
        found = self._processor.post_process_grounded_object_detection(out, **options)[0]
        boxes, scores = found["boxes"].float().cpu(), found["scores"].float().cpu()
        return [
            Detection(box_xyxy_px=(x0, y0, x1, y1), score=score)
            for (x0, y0, x1, y1), score in zip(boxes.tolist(), scores.tolist(), strict=True)
        ]


def key_frames(frames: FrameRange, count: int) -> list[int]:
    """Up to `count` frames, each in the middle of an equal share of the range."""
    count = min(count, len(frames))
    return [frames.start + (2 * k + 1) * len(frames) // (2 * count) for k in range(count)]


def _clipped(
    box: tuple[float, float, float, float], height: int, width: int
) -> tuple[float, float, float, float] | None:
    x0, x1 = (min(max(x, 0.0), float(width)) for x in (box[0], box[2]))
    y0, y1 = (min(max(y, 0.0), float(height)) for y in (box[1], box[3]))
    # NaN fails the comparison.
    return (x0, y0, x1, y1) if x1 - x0 >= 1 and y1 - y0 >= 1 else None
