"""A clip in the test host, and one effect on it."""

import numpy as np
from support.ofx_host.images import CHANNELS, DTYPES, Image, kind_of

WHITE = {"Byte": 255, "Short": 65535, "Half": 1, "Float": 1}


def as_host(frames, depth="Byte", components="RGBA", *, alpha=1.0):
    """8-bit RGB frames `n h w 3` in a host's depth and components."""
    white = WHITE[depth]
    values = frames.astype(np.float64) / 255 * white
    if components == "RGBA":
        values = np.concatenate([values, np.full((*values.shape[:3], 1), alpha * white)], axis=3)
    elif components == "Alpha":
        values = values[..., :1]
    return (values if depth in ("Half", "Float") else np.rint(values)).astype(DTYPES[depth])


def random_pixels(depth, components, *, height=9, width=13, seed=3):
    """Any bit pattern that the depth allows, NaN and infinities among them."""
    generator = np.random.default_rng(seed)
    shape = (height, width, CHANNELS[components])
    dtype = np.dtype(DTYPES[depth])
    raw = generator.integers(0, 256, (*shape[:2], shape[2] * dtype.itemsize), np.uint8)
    return raw.view(dtype)


class Shot:
    """An effect whose Source shows `frames`, from the host's time `first` on."""

    def __init__(self, host, effect, frames, *, first=0, mask=None, layout=None, source_extra=None):
        self.host, self.effect, self.frames, self.first = host, effect, frames, first
        self.mask = mask
        self.layout = layout or {}
        self.source_extra = source_extra or {}
        self.given = []
        count, height, width, _ = frames.shape
        depth, components = kind_of(frames[0])
        self.extra = {}
        for name, clip in effect.clips.items():
            clip.properties.update(
                {
                    "OfxImageEffectPropFrameRange": [float(first), float(first + count - 1)],
                    "OfxImageEffectPropFrameRate": [25.0],
                    "OfxImageEffectPropPixelDepth": [depth.encode()],
                    "OfxImageEffectPropComponents": [components.encode()],
                    "OfxImagePropPixelAspectRatio": [1.0],
                    "OfxImageClipPropConnected": [1],
                }
            )
            clip.region = (0.0, 0.0, float(width), float(height))
            clip.frame = {"Source": self._source, "Mask": self._mask}.get(name, self._output)
        self.new_output(frames[0])

    def new_output(self, like):
        """A fresh output whose pixels are neither the source's nor black."""
        pixels = np.empty_like(like)
        pixels.view(np.uint8)[...] = 0x5A
        self.output = Image(pixels, extra=self.extra, **self.layout)

    def render(self, time=0, **arguments):
        """Render one frame; returns the status and the pixels."""
        self.given.clear()
        self.new_output(self.frames[0])
        status = self.host.render(self.effect, time, **arguments)
        self.output.check_guards()
        for image, before in self.given:
            image.check_guards()
            assert image.pixels().tobytes() == before, "an input was written to"
        return status, self.output.pixels()

    def _source(self, time):
        return self._input(self.frames, time)

    def _mask(self, time):
        return None if self.mask is None else self._input(self.mask, time)

    def _input(self, frames, time):
        index = round(time) - self.first
        if not 0 <= index < len(frames):
            return None
        image = Image(frames[index], extra={**self.extra, **self.source_extra}, **self.layout)
        self.given.append((image, image.pixels().tobytes()))
        return image

    def _output(self, time):
        return self.output
