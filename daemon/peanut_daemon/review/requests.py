"""JSON from the page as prompts and settings."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from aiohttp import web

from peanut_daemon.edits.model import Box, PaintedMask, Point, Prompt, Text
from peanut_daemon.errors import InvalidRequestError, PromptError


class Fields:
    """The fields of a JSON object, with errors that name what is wrong."""

    def __init__(self, values: Any) -> None:
        if not isinstance(values, dict):
            raise InvalidRequestError("the request is no JSON object: send {...}")
        self._values: dict[str, Any] = values

    @classmethod
    async def of(cls, request: web.Request) -> Fields:
        """Read the body of a request.

        Raises:
            InvalidRequestError: it is no JSON object.
        """
        try:
            return cls(json.loads(await request.text()))
        except (ValueError, RecursionError) as error:
            raise InvalidRequestError(f"the request is no JSON: {error}") from error

    def text(self, name: str, default: str | None = None) -> str:
        """A string."""
        return str(self._field(name, str, default))

    def flag(self, name: str, default: bool | None = None) -> bool:
        """True or false."""
        return bool(self._field(name, bool, default))

    def whole(self, name: str, default: int | None = None) -> int:
        """A whole number."""
        return int(self._field(name, int, default))

    def number(self, name: str) -> float:
        """A number."""
        return float(self._field(name, (int, float), None))

    def has(self, name: str) -> bool:
        """Whether the field is there."""
        return name in self._values

    def fields(self, name: str) -> Fields:
        """An object in the object."""
        return Fields(self._field(name, dict, None))

    def _field(self, name: str, kind: type | tuple[type, ...], default: Any) -> Any:
        value = self._values.get(name, default)
        # In JSON true is no number; in Python it is.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise InvalidRequestError(
                f"field {name!r} is {str(value)[:40]!r}: it is missing or of another type"
            )
        return value


def prompt_of(fields: Fields) -> Prompt:
    """One prompt as the page writes it.

    Raises:
        PromptError: of no known kind.
        InvalidRequestError: a field is missing.
    """
    frame_index = fields.whole("frame")
    match fields.text("kind"):
        case "point":
            return Point(
                frame_index=frame_index,
                x_px=fields.number("x"),
                y_px=fields.number("y"),
                positive=fields.flag("positive", True),
            )
        case "box":
            return Box(
                frame_index=frame_index,
                x0_px=fields.number("x0"),
                y0_px=fields.number("y0"),
                x1_px=fields.number("x1"),
                y1_px=fields.number("y1"),
            )
        case "mask":
            return PaintedMask(frame_index=frame_index, png=_png(fields.text("png")))
        case "text":
            return Text(frame_index=frame_index, text=fields.text("text"))
        case other:
            raise PromptError(f"a prompt of kind {other[:20]!r}: send a point, box, mask or text")


def _png(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise PromptError(f"the painted mask is not base64: {error}") from error
