"""Texts and clicks together: the text finds, clicks correct, the tracker for clicks spreads.

Every text back end is a `TextReader`; which one is used decides nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np

from peanut_models.errors import InvalidInputError
from peanut_models.p_mask.clicks import check_frames, is_correction
from peanut_models.p_mask.predictor import no_text_model
from peanut_models.p_mask.text import MAX_CHARACTERS
from peanut_models.stages import FrameReader, Prompt, TrackedMask
from peanut_models.tracking import MaskTracker, Settled, TargetMask, TargetPrompts

NOTHING_FOUND = "the text finds nothing: say it otherwise, or click on the target"


class TextReader(Protocol):
    """A back end that understands texts."""

    def check(self, text: str) -> None:
        """Refuse a text that it cannot read.

        Raises:
            InvalidInputError: why.
        """
        ...

    def surest(self, frames: FrameReader, target: TargetPrompts) -> Prompt | None:
        """Where the text is surest to see the target, on a frame without prompts; None: nowhere."""
        ...


@runtime_checkable
class MaskReader(TextReader, Protocol):
    """One that follows the text through time by itself."""

    def stream(
        self,
        frames: FrameReader,
        targets: Sequence[TargetPrompts],
        *,
        playhead: int | None = None,
    ) -> Iterator[TargetMask]:
        """A mask for each frame of each target's run, from the text alone, in any order.

        What is near the playhead comes first where the back end can begin there.
        """
        ...


class SentenceTracker:
    """`MaskTracker` for texts, with or without clicks.

    A text alone gives the masks of the whole run where the back end follows it through time.
    Otherwise, and with prompts on frames, what the text is surest of becomes one prompt more, and
    the clicks' tracker carries them all. Where prompts correct masks that are there already, the
    text has had its say, and only the clicks' tracker runs.

    Args:
        reader: understands texts; None: nothing does, and a text is an error.
        clicks: for prompts on frames; None: nothing is, and they are an error.
    """

    def __init__(self, reader: TextReader | None, clicks: MaskTracker | None = None) -> None:
        self._reader = reader
        self._clicks = clicks

    def track(
        self,
        frames: FrameReader,
        targets: Sequence[TargetPrompts],
        *,
        playhead: int | None = None,
    ) -> Iterator[TargetMask | Settled]:
        """See `MaskTracker`; what can be wrong with a text is raised by the call itself.

        Targets with prompts alone come first, since somebody is waiting for these.
        """
        alone, read, both = [], [], []
        for target in targets:
            check_frames(target, frames.frame_range)
            if not target.text or (target.anchors() and is_correction(target)):
                alone.append(replace(target, text=""))
            elif isinstance(self._reader, MaskReader) and not target.prompts:
                read.append(target)
            else:
                both.append(target)
        for target in (*read, *both):
            self._check(target.text)
        pointed = self._pointed(frames, alone, playhead) if alone else iter(())
        if both and self._clicks is None:
            raise _no_clicks(both[0])
        return self._all(frames, pointed, read, both, playhead)

    def _check(self, text: str) -> None:
        if self._reader is None:
            raise no_text_model(text)
        check_text(text)
        self._reader.check(text)

    def _all(
        self,
        frames: FrameReader,
        pointed: Iterator[TargetMask | Settled],
        read: Sequence[TargetPrompts],
        both: Sequence[TargetPrompts],
        playhead: int | None,
    ) -> Iterator[TargetMask | Settled]:
        yield from pointed
        if isinstance(self._reader, MaskReader) and read:
            yield from self._reader.stream(frames, read, playhead=playhead)
        found = [self._with_surest(frames, target) for target in both]
        for target in found:
            if not target.anchors():
                yield from _nothing(frames, target)
        found = [target for target in found if target.anchors()]
        if found:
            yield from self._pointed(frames, found, playhead)

    def _pointed(
        self, frames: FrameReader, targets: Sequence[TargetPrompts], playhead: int | None
    ) -> Iterator[TargetMask | Settled]:
        if self._clicks is None:
            raise _no_clicks(targets[0])
        return self._clicks.track(frames, targets, playhead=playhead)

    def _with_surest(self, frames: FrameReader, target: TargetPrompts) -> TargetPrompts:
        """The target with what the text is surest of as a prompt instead of the text."""
        assert self._reader is not None
        surest = self._reader.surest(frames, target)
        prompts = [*target.prompts, *([] if surest is None else [surest])]
        return replace(target, text="", prompts=prompts)


def _nothing(frames: FrameReader, target: TargetPrompts) -> Iterator[TargetMask]:
    empty = np.zeros(frames.read(target.frames.start).shape[:2], np.bool_)
    for k in target.frames:
        doubt = NOTHING_FOUND if k == target.frames.start else ""
        tracked = TrackedMask(frame_index=k, mask=empty.copy(), confidence=0.0)
        yield TargetMask(target_id=target.target_id, tracked=tracked, doubt=doubt)


def check_text(text: str) -> None:
    """Refuse a text that says nothing, or far too much.

    Raises:
        InvalidInputError: either.
    """
    if not text.strip():
        raise InvalidInputError("the text prompt is empty: say what to remove")
    if len(text) > MAX_CHARACTERS:
        raise InvalidInputError(
            f"the text prompt has {len(text)} characters: at most {MAX_CHARACTERS} are taken"
        )


def _no_clicks(target: TargetPrompts) -> InvalidInputError:
    return InvalidInputError(
        f"target {target.target_id!r} has prompts on frames, and this tracker reads texts alone: "
        "give it a tracker for clicks, or say it in words only"
    )
