"""One frame of a clip as a picture, to click on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2

from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.media import ClipReader, write_atomically
from peanut_models.errors import FrameRangeError


def write_still(clip: Path, frame_index: int, target: Path) -> dict[str, Any]:
    """Write a frame at the size that prompts count in; returns that size and the range.

    Raises:
        MediaError: the clip cannot be read.
        FrameRangeError: it has no such frame.
    """
    with ClipReader(clip) as reader:
        if frame_index not in reader.frame_range:
            raise FrameRangeError(
                f"frame {frame_index} is outside {clip.name}, which has {reader.frame_range}: ask "
                "for a frame that exists"
            )
        picture = reader.read(frame_index).to_rgb()
    done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    if not done:
        raise InvalidRequestError(f"frame {frame_index} of {clip.name} cannot be made a picture")
    write_atomically(target, data.tobytes(), overwrite=True)
    height, width = picture.shape[:2]
    return {"still": str(target), "width": int(width), "height": int(height)}
