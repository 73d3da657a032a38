"""Texts by SAM 3: every instance of a noun phrase, followed through time.

Source: Carion et al., "SAM 3: Segment Anything with Concepts", 2025. The network is transformers'
own, read from a folder on this machine. Its weights are published behind a form and under terms
that bind whoever uses them: see `LICENCE`. It reads short noun phrases ("the red cups"); a text
that only motion could resolve ("the one who leaves first") is not for it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, UInt8
from numpy import ndarray
from torch import Tensor
from transformers import AutoConfig, Sam3VideoProcessor
from transformers.models.sam3_video import modeling_sam3_video

from peanut_models.errors import InvalidInputError, WeightsMissingError
from peanut_models.p_mask.confusion import Decision, Verdict
from peanut_models.p_mask.doubt import reasons
from peanut_models.p_mask.grounding import key_frames
from peanut_models.p_mask.sam3_session import Network, Operators, Session, forget
from peanut_models.p_mask.segmenter import running
from peanut_models.p_mask.sentences import NOTHING_FOUND
from peanut_models.p_mask.settings import Precision, TrackSettings
from peanut_models.ranges import FrameRange
from peanut_models.stages import FrameReader, MaskPrompt, TrackedMask
from peanut_models.tracking import TargetMask, TargetPrompts

logger = logging.getLogger(__name__)

Image = UInt8[ndarray, "h w 3"]
Mask = Bool[ndarray, "h w"]

LICENCE = (
    "SAM 3's weights are under the SAM License (Meta, 19 November 2025), which forbids some uses, "
    "military ones among them, and goes with every copy: read it where you got them"
)
"""To be shown to whoever installs or loads the weights."""

NOT_YET = "the text finds nothing on the first frame"
TOO_MANY = "as many instances as are followed at a time: others may have been left out"

_KIND = "sam3_video"
_NEEDED = (
    ("config.json",),
    ("model.safetensors", "model.safetensors.index.json"),
    ("processor_config.json", "preprocessor_config.json"),
    ("tokenizer.json", "vocab.json"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sam3Settings:
    """What counts as an instance, and for how long.

    Raises:
        InvalidInputError: a value outside its range.
    """

    new_score: float = 0.7
    """A detection begins an instance from this score on; 0.7 as published."""

    most_instances: int = 32
    """Followed at a time, of all texts of a pass; the best count. The published code has no limit:
    time and memory grow with each (ten memories of 2 MB at 1008 px)."""

    gone_frames: int = 64
    """An instance that is not seen for so long is forgotten, and begun anew should it come back.
    The published code follows it to the end, so a busy street costs ever more."""

    key_frames: int = 8
    """Frames that are looked at where the text only has to say where the target is."""

    track: TrackSettings = field(default_factory=TrackSettings)
    """Mask threshold, and what is worth a look; the rest is not used."""

    def __post_init__(self) -> None:
        # NaN fails the comparison.
        if not 0 <= self.new_score <= 1:
            raise InvalidInputError(f"new_score is {self.new_score}: it must be 0 to 1")
        for name in ("most_instances", "gone_frames", "key_frames"):
            if getattr(self, name) < 1:
                raise InvalidInputError(f"{name} is {getattr(self, name)}: it must be 1 or more")


class Instances(NamedTuple):
    """What one text names on one frame.

    Attributes:
        masks: of each instance.
        scores: how well each fits the text, times how surely it is there now; 0 to 1.
        full: no more are taken on, so there may be others.
    """

    masks: Bool[ndarray, "n h w"]
    scores: Float32[ndarray, " n"]
    full: bool = False

    def together(self) -> tuple[Mask, float]:
        """All instances as one mask, and the mean score of its pixels; 0 where it is empty."""
        areas = self.masks.sum(axis=(1, 2))
        mask = np.asarray(self.masks.any(axis=0))
        return mask, float(np.average(self.scores, weights=areas)) if areas.any() else 0.0


class InstanceFinder(Protocol):
    """Finds all instances of phrases, and follows them."""

    def check(self, text: str) -> None:
        """Refuse a text that it cannot read."""
        ...

    def follow(
        self, images: Iterable[Image], count: int, texts: Sequence[str]
    ) -> Iterator[Sequence[Instances]]:
        """What each text names on each frame, in order; it may lag behind the images.

        Args:
            images: consecutive frames.
            count: how many.
            texts: all different.
        """
        ...


class InstanceReader:
    """`MaskReader` by an `InstanceFinder`: all instances together are the target.

    "The cups" are meant to go, all of them. Who means a single one says so ("the left cup"), or
    clicks. Texts with the same run share a pass over its frames.

    Args:
        finder: the network.
        settings: see there.
    """

    def __init__(self, finder: InstanceFinder, settings: Sam3Settings | None = None) -> None:
        self._finder = finder
        self._settings = settings or Sam3Settings()

    def check(self, text: str) -> None:
        """See `MaskReader`."""
        self._finder.check(text)

    def surest(self, frames: FrameReader, target: TargetPrompts) -> MaskPrompt | None:
        """See `MaskReader`; single frames are enough to find, so only key frames are looked at."""
        said = {prompt.frame_index for prompt in target.prompts}
        best: tuple[float, MaskPrompt] | None = None
        for k in key_frames(target.frames, self._settings.key_frames):
            if k in said:
                continue
            for (found,) in self._finder.follow([frames.read(k)], 1, [target.text]):
                mask, confidence = found.together()
                if mask.any() and (best is None or confidence > best[0]):
                    best = confidence, MaskPrompt(frame_index=k, mask=mask)
        return None if best is None else best[1]

    def stream(
        self,
        frames: FrameReader,
        targets: Sequence[TargetPrompts],
        *,
        playhead: int | None = None,
    ) -> Iterator[TargetMask]:
        """See `MaskReader`; from the first frame on: SAM 3's own session knows one direction."""
        del playhead
        groups: dict[FrameRange, list[TargetPrompts]] = {}
        for target in targets:
            groups.setdefault(target.frames, []).append(target)
        for run, group in groups.items():
            texts = list(dict.fromkeys(target.text for target in group))
            images = (frames.read(k) for k in run)
            told = [
                _Told(target, texts.index(target.text), self._settings.track) for target in group
            ]
            for k, found in zip(run, self._finder.follow(images, len(run), texts), strict=True):
                for one in told:
                    yield one.frame(k, found[one.text_index])


class _Told:
    """One target's frames so far, as far as the next one's doubt depends on them."""

    def __init__(self, target: TargetPrompts, text_index: int, settings: TrackSettings) -> None:
        self.text_index = text_index
        self._target = target
        self._settings = settings
        self._area = 0
        self._ever = False
        self._full = False

    def frame(self, index: int, found: Instances) -> TargetMask:
        mask, confidence = found.together()
        seen = Decision(verdict=Verdict.UNSEEN, mask=mask, similarity=nan, threshold=nan)
        doubt = reasons(
            seen, confidence=confidence, area_before=self._area, settings=self._settings
        )
        self._area = int(mask.sum())
        self._ever = self._ever or self._area > 0
        # That it is nowhere is known at the end only; who waits for the first frame is told there.
        if not self._ever and index == self._target.frames.end - 1:
            doubt = NOTHING_FOUND
        elif not self._ever and index == self._target.frames.start:
            doubt = NOT_YET
        if found.full and not self._full:
            doubt = f"{doubt}; {TOO_MANY}" if doubt else TOO_MANY
        self._full = found.full
        return TargetMask(
            target_id=self._target.target_id,
            tracked=TrackedMask(frame_index=index, mask=mask, confidence=confidence),
            doubt=doubt,
        )


class _Object(NamedTuple):
    """An instance on a frame that is held back."""

    number: int
    text: int
    logits: Float[Tensor, "1 h w"]
    score: float


class _Frame(NamedTuple):
    """A frame that is held back, until it is known which of its instances were none."""

    shape: tuple[int, int]
    objects: list[_Object]
    full: bool


class TransformersSam3:
    """SAM 3 from a folder of local files, as an `InstanceFinder`.

    Frames go in one by one, and each is forgotten once its memories are made. As published, masks
    come out `hotstart_delay` frames (15) late, without instances that the detector does not confirm
    by then. So memory does not grow with the clip; what that changes is in `_forget`.

    Args:
        folder: as published: `config.json`, `model.safetensors`, the processor's and the
            tokenizer's files. Nothing in it is executed, nothing is fetched.
        device: where to run.
        precision: of convolutions and products.
        settings: see there.

    Raises:
        WeightsMissingError: the folder lacks a file.
        InvalidInputError: it holds another kind of model, or a part of one.
    """

    def __init__(
        self,
        folder: Path,
        *,
        device: str = "cpu",
        precision: Precision = "float32",
        settings: Sam3Settings | None = None,
    ) -> None:
        _check_folder(folder)
        local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        kind = AutoConfig.from_pretrained(str(folder), **local).model_type
        if kind != _KIND:
            raise InvalidInputError(
                f"{folder} holds a model of kind {kind!r}: use {_KIND}, the whole of SAM 3"
            )
        # Any: transformers leaves these factories untyped.
        processors: Any = Sam3VideoProcessor
        models: Any = Network
        self._processor = processors.from_pretrained(str(folder), **local)
        model, read = models.from_pretrained(
            str(folder), use_safetensors=True, output_loading_info=True, **local
        )
        # They would be left at random values, with a line in the log at most.
        lacking = sorted({*read["missing_keys"], *(name for name, *_ in read["mismatched_keys"])})
        if lacking:
            raise InvalidInputError(
                f"the weights in {folder} lack {len(lacking)} of SAM 3's tensors, {lacking[0]} "
                "first: download the folder again"
            )
        self._settings = settings or Sam3Settings()
        self._model = model.to(device).eval()
        self._model.new_det_thresh = self._settings.new_score
        self._model.max_num_objects = self._settings.most_instances
        self._device = torch.device(device)
        self._precision = precision
        self._most_tokens = int(model.config.detector_config.text_config.max_position_embeddings)
        # Otherwise transformers fetches these from a hub where it can, and goes without where not.
        module: Any = modeling_sam3_video
        module.cv_utils_kernel = Operators()
        logger.info("loaded SAM 3 from %s; %s", folder, LICENCE)

    def check(self, text: str) -> None:
        """See `InstanceFinder`.

        Raises:
            InvalidInputError: more tokens than the text encoder takes.
        """
        count = len(self._processor.tokenizer(text.strip())["input_ids"])
        if count > self._most_tokens:
            raise InvalidInputError(
                f"the text has {count} tokens: SAM 3 takes {self._most_tokens} at most; name the "
                "objects in few words"
            )

    def follow(
        self, images: Iterable[Image], count: int, texts: Sequence[str]
    ) -> Iterator[list[Instances]]:
        """See `InstanceFinder`."""
        session = Session(count, self._device)
        self._processor.add_text_prompt(session, [text.strip() for text in texts])
        prompts = [session.add_prompt(text.strip()) for text in texts]
        held: deque[_Frame] = deque()
        for k, image in enumerate(images):
            held.append(self._seen(session, k, image))
            while len(held) >= max(self._model.hotstart_delay, 1):
                yield self._given(session, held.popleft(), prompts)
        while held:
            yield self._given(session, held.popleft(), prompts)

    def _seen(self, session: Session, k: int, image: Image) -> _Frame:
        """Run the network on the next frame."""
        with running(self._device, self._precision):
            given = self._processor(images=image, return_tensors="pt")
            session.processed_frames = None
            session.add_new_frame(given["pixel_values"], k)
            # By its index and not as a frame of a stream, where nothing is ever taken back.
            out = self._model(inference_session=session, frame_idx=k)
        objects = []
        for number, logits in out.obj_id_to_mask.items():
            text = session.obj_id_to_prompt_id.get(number)
            if text is None or number in out.suppressed_obj_ids or not bool((logits > 0).any()):
                continue
            session.last_seen[number] = k
            here = min(max(out.obj_id_to_tracker_score.get(number, 1.0), 0.0), 1.0)
            # The detector's own score is already there on the instance's first frame.
            fits = out.obj_id_to_score[number]
            score = fits if session.obj_first_frame_idx[number] == k else fits * here
            objects.append(_Object(number, text, logits.float(), score))
        session.taken_back |= out.removed_obj_ids
        full = len(out.object_ids) >= self._settings.most_instances
        forget(session, k, self._model, self._settings.gone_frames)
        return _Frame(image.shape[:2], objects, full)

    def _given(self, session: Session, frame: _Frame, prompts: Sequence[int]) -> list[Instances]:
        """A frame's masks at its own size, for each text."""
        found = []
        level = self._settings.track.logit_threshold
        for prompt in prompts:
            masks, scores = [np.zeros((0, *frame.shape), np.bool_)], []
            for each in frame.objects:
                if each.text != prompt or each.number in session.taken_back:
                    continue
                logits = torch.nn.functional.interpolate(
                    each.logits[None], size=frame.shape, mode="bilinear", align_corners=False
                )
                masks.append((logits[0] > level).cpu().numpy())
                scores.append(each.score)
            found.append(Instances(np.concatenate(masks), np.array(scores, np.float32), frame.full))
        return found


def _check_folder(folder: Path) -> None:
    missing = [
        " or ".join(names)
        for names in _NEEDED
        if not any((folder / name).is_file() for name in names)
    ]
    if missing:
        raise WeightsMissingError(
            f"no SAM 3 in {folder}: {', '.join(missing)} missing; give the folder of a downloaded "
            f"SAM 3. {LICENCE}"
        )
