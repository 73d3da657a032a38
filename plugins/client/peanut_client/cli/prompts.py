"""Prompts and ranges as typed on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from peanut.v1 import edits_pb2, frames_pb2
from peanut_client.cli.failures import CliError, UsageError
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

    def target(self, frames: frames_pb2.FrameRange, max_message_bytes: int) -> edits_pb2.Target:
        """The target that these prompts make in a range.

        Raises:
            CliError: a frame has no ready mask, or all masks together exceed one message.
        """
        target = edits_pb2.Target(id=TARGET_ID)
        if self.ready is not None:
            target.prompts.extend(self.ready.prompts(frames))
        for frame, prompt in self.tied:
            tied = target.prompts.add()
            tied.CopyFrom(prompt)
            tied.frame_index = frames.start_frame if frame is None else frame
        size = target.ByteSize()
        if size > max_message_bytes - _MESSAGE_RESERVE_BYTES:
            raise CliError(
                "MessageTooLargeError",
                f"the masks take {size / 2**20:.0f} MiB together, more than the "
                f"{max_message_bytes / 2**20:.0f} MiB that one message to the daemon holds: "
                "work on a shorter --range, or save the PNGs with 1 bit per pixel",
            )
        return target


def parse_prompts(
    *,
    points: list[str] | None = None,
    not_points: list[str] | None = None,
    boxes: list[str] | None = None,
    mask_files: list[str] | None = None,
    masks: Path | None = None,
    text: str | None = None,
) -> Prompts:
    """Read the prompt options of one command.

    Raises:
        UsageError: one cannot be read, or together they do not say what to remove.
        CliError: a mask file or folder is missing.
    """
    tied = [
        *(_point("--point", text) for text in points or ()),
        *(_point("--not-point", text) for text in not_points or ()),
        *(_box(text) for text in boxes or ()),
        *(_mask(text) for text in mask_files or ()),
    ]
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
        return Prompts(ready=find_ready_masks(masks))
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
    return Prompts(tied=tuple(tied))


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


def _point(option: str, text: str) -> tuple[int | None, edits_pb2.Prompt]:
    place, frame = _frame(option, text, "X,Y@FRAME, for example 429,321@12")
    x_px, y_px = _numbers(
        option, text, place, 2, "X,Y in pixels from the top left corner, for example 429,321"
    )
    point = edits_pb2.PointPrompt(x_px=x_px, y_px=y_px, negative=option == "--not-point")
    return frame, edits_pb2.Prompt(point=point)


def _box(text: str) -> tuple[int | None, edits_pb2.Prompt]:
    place, frame = _frame("--box", text, "X0,Y0,X1,Y1@FRAME, for example 368,246,488,380@12")
    x0, y0, x1, y1 = _numbers(
        "--box", text, place, 4, "X0,Y0,X1,Y1 in pixels, for example 368,246,488,380"
    )
    if x1 <= x0 or y1 <= y0:
        raise UsageError(
            f"--box {text!r} is empty: X1 must exceed X0 and Y1 must exceed Y0 "
            "(left, top, right, bottom)"
        )
    box = edits_pb2.BoxPrompt(x0_px=x0, y0_px=y0, x1_px=x1, y1_px=y1)
    return frame, edits_pb2.Prompt(box=box)


def _mask(text: str) -> tuple[int | None, edits_pb2.Prompt]:
    frame: int | None = None
    path = Path(text)
    if not path.exists() and "@" in text:  # a file name may itself hold an @
        name, frame = _frame("--mask-file", text, "FILE@FRAME, for example dog.png@12")
        path = Path(name)
    try:
        png = path.read_bytes()
    except OSError as error:
        raise CliError(
            "MaskNotFoundError",
            f"--mask-file {path} cannot be read: {error.strerror or error}; "
            "give a PNG of the clip's size, white on the object",
        ) from error
    return frame, edits_pb2.Prompt(mask=edits_pb2.MaskPrompt(png=png))


def _frame(option: str, text: str, form: str) -> tuple[str, int | None]:
    """Split `...@FRAME`; None where no frame was typed."""
    place, at, frame = text.rpartition("@")
    if not at:
        return text, None
    try:
        return place, int(frame)
    except ValueError as error:
        raise UsageError(
            f"{option} {text!r} has no frame number after the @: give {form}"
        ) from error


def _numbers(option: str, text: str, place: str, count: int, form: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in place.split(","))
        if len(numbers) != count or not all(abs(number) < 1e6 for number in numbers):
            raise ValueError(place)
    except ValueError as error:
        raise UsageError(f"{option} {text!r} cannot be read: give {form}") from error
    return numbers
