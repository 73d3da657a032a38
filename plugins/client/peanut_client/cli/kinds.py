"""`--effect` and `--holdout`: what else the matte takes, and what it leaves alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from peanut.v1 import edits_pb2, frames_pb2
from peanut_client.cli.failures import UsageError
from peanut_client.cli.places import parse_box, parse_mask, parse_point
from peanut_client.cli.ready_masks import ReadyMasks, find_ready_masks

Tied = tuple[int | None, edits_pb2.Prompt]
"""A prompt with the frame that was typed; None: the first frame of the range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindPrompts:
    """What was said of one target.

    Attributes:
        target_id: its id.
        kind: what its mask means for the matte.
        tied: prompts on frames.
        ready: masks for every frame of the range.
    """

    target_id: str
    kind: edits_pb2.TargetKind
    tied: tuple[Tied, ...] = ()
    ready: ReadyMasks | None = None

    def target(self, frames: frames_pb2.FrameRange) -> edits_pb2.Target:
        """The target in a range.

        Raises:
            CliError: a frame has no ready mask.
        """
        target = edits_pb2.Target(id=self.target_id, kind=self.kind)
        if self.ready is not None:
            target.prompts.extend(self.ready.prompts(frames))
        for frame, prompt in self.tied:
            tied = target.prompts.add()
            tied.CopyFrom(prompt)
            tied.frame_index = frames.start_frame if frame is None else frame
        return target


def parse_kinds(effects: list[str] | None, holdouts: list[str] | None) -> tuple[KindPrompts, ...]:
    """Read both options; all that is said with one of them forms one target.

    Raises:
        UsageError: one cannot be read.
        CliError: a mask file or folder is missing.
    """
    options = (
        ("--effect", "effect", edits_pb2.TARGET_KIND_EFFECT, effects or []),
        ("--holdout", "holdout", edits_pb2.TARGET_KIND_HOLDOUT, holdouts or []),
    )
    return tuple(_said(*option) for option in options if option[3])


def _said(option: str, target_id: str, kind: edits_pb2.TargetKind, texts: list[str]) -> KindPrompts:
    folders = [text for text in texts if Path(text).is_dir()]
    if folders and len(texts) > 1:
        raise UsageError(
            f"{option} {folders[0]} has a mask for every frame already: leave the others out"
        )
    if folders:
        ready = find_ready_masks(Path(folders[0]), option)
        return KindPrompts(target_id=target_id, kind=kind, ready=ready)
    tied = tuple(_place(option, text) for text in texts)
    return KindPrompts(target_id=target_id, kind=kind, tied=tied)


def _place(option: str, text: str) -> Tied:
    """A point has two numbers, a box four; anything else is a file."""
    if not Path(text).exists():
        commas = text.rpartition("@")[0].count(",") if "@" in text else text.count(",")
        if commas == 1:
            return parse_point(option, text)
        if commas == 3:
            return parse_box(option, text)
    return parse_mask(option, text)
