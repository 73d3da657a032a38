"""Prompts and ranges as typed on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from peanut.v1 import edits_pb2, frames_pb2
from peanut_client.cli.failures import CliError, UsageError
from peanut_client.cli.kinds import KindPrompts, parse_kinds
from peanut_client.cli.places import parse_box, parse_mask, parse_point
from peanut_client.cli.ready_masks import ReadyMasks, find_ready_masks

TARGET_ID = "1"
"""All prompts of one command form one target."""

# What the envelope of a message may take beside the masks in it.
_MESSAGE_RESERVE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """What the user said about the object, checked as far as that goes without the clip."""

    # Prompts with the frame that was typed; None: the first frame of the range.
    tied: tuple[tuple[int | None, edits_pb2.Prompt], ...] = ()
    # Masks for every frame of the range.
    ready: ReadyMasks | None = None
    # Shadows, reflections, and what must stay.
    kinds: tuple[KindPrompts, ...] = ()

    def targets(
        self, frames: frames_pb2.FrameRange, max_message_bytes: int
    ) -> list[edits_pb2.Target]:
        """The targets that these prompts make in a range, the object first.

        Raises:
            CliError: a frame has no ready mask, or all masks together exceed one message.
        """
        thing = KindPrompts(
            target_id=TARGET_ID,
            kind=edits_pb2.TARGET_KIND_OBJECT,
            tied=self.tied,
            ready=self.ready,
        )
        targets = [prompts.target(frames) for prompts in (thing, *self.kinds)]
        # Each target is a message of its own.
        size = max(target.ByteSize() for target in targets)
        if size > max_message_bytes - _MESSAGE_RESERVE_BYTES:
            raise CliError(
                "MessageTooLargeError",
                f"the masks take {size / 2**20:.0f} MiB together, more than the "
                f"{max_message_bytes / 2**20:.0f} MiB that one message to the daemon holds: "
                "work on a shorter --range, or save the PNGs with 1 bit per pixel",
            )
        return targets


def parse_prompts(
    *,
    points: list[str] | None = None,
    not_points: list[str] | None = None,
    boxes: list[str] | None = None,
    mask_files: list[str] | None = None,
    masks: Path | None = None,
    text: str | None = None,
    effects: list[str] | None = None,
    holdouts: list[str] | None = None,
) -> Prompts:
    """Read the prompt options of one command.

    Raises:
        UsageError: one cannot be read, or together they do not say what to remove.
        CliError: a mask file or folder is missing.
    """
    tied = [
        *(parse_point("--point", text) for text in points or ()),
        *(parse_point("--not-point", text) for text in not_points or ()),
        *(parse_box("--box", text) for text in boxes or ()),
        *(parse_mask("--mask-file", text) for text in mask_files or ()),
    ]
    kinds = parse_kinds(effects, holdouts)
    if text is not None:
        if not text.strip():
            raise UsageError("--text is empty: say what must go, such as 'the red car'")
        sentence = edits_pb2.Prompt(text=edits_pb2.TextPrompt(text=text))
        tied.append((None, sentence))
    if masks is not None:
        if tied:
            raise UsageError(
                "--masks already says for every frame what to remove: "
                "leave out --point, --not-point, --box, --mask-file and --text"
            )
        return Prompts(ready=find_ready_masks(masks), kinds=kinds)
    if not tied:
        raise UsageError(
            "nothing says what to remove: give --point, --box, --mask-file or --masks",
            hint="a click on the object is enough, for example --point 429,321",
        )
    if not (points or boxes or mask_files):
        raise UsageError(
            "--not-point alone does not say what to remove: "
            "add --point, --box or --mask-file on the object"
        )
    return Prompts(tied=tuple(tied), kinds=kinds)


def parse_range(text: str | None) -> frames_pb2.FrameRange | None:
    """Read `--range A:B`; None: all frames.

    Whether such frames exist is the daemon's to say, which knows the clip.

    Raises:
        UsageError: it is not two whole numbers.
    """
    if text is None:
        return None
    start, colon, end = text.partition(":")
    try:
        if not colon:
            raise ValueError(text)
        return frames_pb2.FrameRange(start_frame=int(start), end_frame=int(end))
    except ValueError as error:
        raise UsageError(
            f"--range {text!r} is not A:B: give the first frame and the one after the last, "
            "for example 0:48 for the first 48 frames"
        ) from error


def parse_cuts(text: str | None) -> list[int] | None:
    """Read `--cuts K,K,...` or `--cuts none`; None: they are to be found.

    Raises:
        UsageError: anything else.
    """
    if text is None:
        return None
    if text.strip().lower() == "none":
        return []
    return parse_frames("--cuts", text, "the first frame of each new shot, or none")


def parse_frames(option: str, text: str | None, what: str = "frame numbers") -> list[int]:
    """Read `K,K,...`; empty for None.

    Raises:
        UsageError: anything else.
    """
    try:
        return sorted({int(word) for word in text.split(",")}) if text is not None else []
    except ValueError as error:
        raise UsageError(
            f"{option} {text!r} is no list of frames: give {what}, for example 120,340"
        ) from error
