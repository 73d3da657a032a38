"""Images with guard bands: writing outside the pixels shows."""

import os

import numpy as np

GUARD = 0xA5
# 0 under the address sanitizer: then the block ends with the image, and reading beyond shows too.
GUARD_BYTES = int(os.environ.get("OFX_HOST_GUARD_BYTES", "4096"))
DTYPES = {"Byte": np.uint8, "Short": np.uint16, "Half": np.float16, "Float": np.float32}
CHANNELS = {"RGBA": 4, "RGB": 3, "Alpha": 1}


class Image:
    """Pixels `h w c`, row 0 at the top; in memory rows go up or down, with padding between them."""

    def __init__(self, pixels, *, padding=0, top_down=False, origin=(0, 0), whole=None, extra=None):
        height, width, channels = pixels.shape
        self.shape, self.dtype = pixels.shape, pixels.dtype
        row = width * channels * pixels.itemsize
        self.pitch = row + padding
        self.memory = np.full(2 * GUARD_BYTES + self.pitch * height, GUARD, np.uint8)
        self.x1, self.y1 = origin
        self.whole = whole or (self.x1, self.y1, self.x1 + width, self.y1 + height)
        self.extra = extra or {}
        # The host's row y1 is the lowest one of the picture.
        self.row_bytes = -self.pitch if top_down else self.pitch
        rows = pixels if top_down else pixels[::-1]
        self._rows()[:, :row] = np.ascontiguousarray(rows).view(np.uint8).reshape(height, row)
        self.row = row
        self.top_down = top_down

    def _rows(self):
        inside = self.memory[GUARD_BYTES : self.memory.size - GUARD_BYTES]
        return inside.reshape(self.shape[0], self.pitch)

    @property
    def address(self):
        start = self.memory.ctypes.data + GUARD_BYTES
        return start + (self.shape[0] - 1) * self.pitch if self.top_down else start

    @property
    def bounds(self):
        height, width, _ = self.shape
        return (self.x1, self.y1, self.x1 + width, self.y1 + height)

    def pixels(self):
        rows = np.ascontiguousarray(self._rows()[:, : self.row]).view(self.dtype)
        rows = rows.reshape(self.shape)
        return rows if self.top_down else rows[::-1]

    def check_guards(self):
        """Nothing but the pixels may have changed."""
        assert (self.memory[:GUARD_BYTES] == GUARD).all(), "written before the image"
        assert (self.memory[self.memory.size - GUARD_BYTES :] == GUARD).all(), (
            "written behind the image"
        )
        assert (self._rows()[:, self.row :] == GUARD).all(), "written into the padding of rows"


def kind_of(pixels):
    """OFX's names of the depth and the components."""
    depth = next(name for name, dtype in DTYPES.items() if pixels.dtype == dtype)
    components = next(name for name, count in CHANNELS.items() if pixels.shape[2] == count)
    return f"OfxBitDepth{depth}", f"OfxImageComponent{components}"
