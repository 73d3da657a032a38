"""Masks as 1-bit gray PNG files: small, lossless, and readable by everything."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from peanut_daemon.errors import InvalidRequestError, MediaUnreadableError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png_from_mask(mask: Bool[ndarray, "h w"]) -> bytes:
    """A mask as the bytes of a 1-bit gray PNG; True is white.

    Raises:
        InvalidRequestError: not a two-dimensional boolean array with at least one pixel.
    """
    if mask.dtype != np.bool_ or mask.ndim != 2 or not mask.size:
        raise InvalidRequestError(
            f"a mask is a boolean array of height and width, not {mask.dtype} of shape {mask.shape}"
        )
    done, encoded = cv2.imencode(".png", mask.astype(np.uint8) * 255, [cv2.IMWRITE_PNG_BILEVEL, 1])
    if not done:
        raise InvalidRequestError(f"a mask of shape {mask.shape} cannot be stored as PNG")
    return encoded.tobytes()


def mask_from_png(data: bytes) -> Bool[ndarray, "h w"]:
    """The mask in a PNG of any depth or colour: True where it is at least half white.

    Raises:
        MediaUnreadableError: not a PNG, or cut off.
    """
    image = None
    # The end marker is checked because the decoder returns a half-empty picture without it.
    if data.startswith(_SIGNATURE) and b"IEND" in data[-12:]:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise MediaUnreadableError(
            f"the mask ({len(data)} bytes) is not a whole PNG image: send it again"
        )
    return np.asarray(image >= 128)
