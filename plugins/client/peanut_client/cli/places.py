"""Points, boxes and painted masks as typed on the command line."""

from __future__ import annotations

from pathlib import Path

from peanut.v1 import edits_pb2
from peanut_client.cli.failures import CliError, UsageError


def parse_point(option: str, text: str) -> tuple[int | None, edits_pb2.Prompt]:
    """Read `X,Y@FRAME`; negative for `--not-point`.

    Raises:
        UsageError: it is something else.
    """
    place, frame = _frame(option, text, "X,Y@FRAME, for example 429,321@12")
    x_px, y_px = _numbers(
        option, text, place, 2, "X,Y in pixels from the top left corner, for example 429,321"
    )
    point = edits_pb2.PointPrompt(x_px=x_px, y_px=y_px, negative=option == "--not-point")
    return frame, edits_pb2.Prompt(point=point)


def parse_box(option: str, text: str) -> tuple[int | None, edits_pb2.Prompt]:
    """Read `X0,Y0,X1,Y1@FRAME`.

    Raises:
        UsageError: it is something else, or empty.
    """
    place, frame = _frame(option, text, "X0,Y0,X1,Y1@FRAME, for example 368,246,488,380@12")
    x0, y0, x1, y1 = _numbers(
        option, text, place, 4, "X0,Y0,X1,Y1 in pixels, for example 368,246,488,380"
    )
    if x1 <= x0 or y1 <= y0:
        raise UsageError(
            f"{option} {text!r} is empty: X1 must exceed X0 and Y1 must exceed Y0 "
            "(left, top, right, bottom)"
        )
    box = edits_pb2.BoxPrompt(x0_px=x0, y0_px=y0, x1_px=x1, y1_px=y1)
    return frame, edits_pb2.Prompt(box=box)


def parse_mask(option: str, text: str) -> tuple[int | None, edits_pb2.Prompt]:
    """Read `FILE@FRAME`.

    Raises:
        UsageError: the frame is no number.
        CliError: the file cannot be read.
    """
    frame: int | None = None
    path = Path(text)
    if not path.exists() and "@" in text:  # a file name may itself hold an @
        name, frame = _frame(option, text, "FILE@FRAME, for example dog.png@12")
        path = Path(name)
    try:
        png = path.read_bytes()
    except OSError as error:
        raise CliError(
            "MaskNotFoundError",
            f"{option} {path} cannot be read: {error.strerror or error}; "
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
