"""Media files: probing, decoding, compositing, encoding. The only place that knows PyAV.

    probe(path) -> ClipInfo                             facts; .to_dict() / ClipInfo.from_dict(d)
    with ClipReader(path) as reader:                    frame-exact access
        reader.frame_range, reader.index                FrameRange; when each frame is shown
        reader.read(k) -> SourceFrame                   FrameRangeError, MediaUnreadableError
        reader.frames(FrameRange(a, b))                 iterator of SourceFrame
    frame.to_rgb(), frame.working_rgb(long_side)        uint8/uint16 at source size; uint8 proxy
    working_size(width, height, long_side)              the proxy's (width, height)
    composite(frame, plate_rgb, matte) -> SourceFrame   source code values outside the matte
    patch_frame(plate_rgb, matte) -> RGBA array         straight alpha
    output = OutputFormat.of(info, first_frame=a, alpha=False, scale=1)
    with ClipWriter(target, "ffv1", output, audio=AudioRange.of(path, range), overwrite=False) as w:
        w.write(frame_or_rgb_or_rgba, time=None)        appears under its name on a clean end only
    CODECS["ffv1"].suffix                               codecs: ffv1, prores_hq, prores_4444, h264
    png_from_mask(mask) -> bytes, mask_from_png(bytes)  1-bit PNG
    Rate(num, den), Timecode(frame_number, rate, drop_frame), Timecode.parse(label, rate)

Matte: uint8 0 to 255 or float 0 to 1, source size. Plates: RGB of the type that `to_rgb` gives.
Frame k is the k-th picture in order of presentation. Errors are those of `peanut_daemon.errors`,
and `FrameRangeError` of `peanut_models`.
"""

from __future__ import annotations

from peanut_daemon.media.atomic import AtomicFile, write_atomically
from peanut_daemon.media.audio import AudioRange
from peanut_daemon.media.colour import ColourTags
from peanut_daemon.media.composite import composite, patch_frame
from peanut_daemon.media.decode import ClipReader, SourceFrame, working_size
from peanut_daemon.media.encode import ClipWriter
from peanut_daemon.media.formats import CODECS, OutputFormat
from peanut_daemon.media.masks import mask_from_png, png_from_mask
from peanut_daemon.media.probe import ClipInfo, fingerprint_of, probe
from peanut_daemon.media.rate import Rate
from peanut_daemon.media.timecode import Timecode

__all__ = [
    "CODECS",
    "AtomicFile",
    "AudioRange",
    "ClipInfo",
    "ClipReader",
    "ClipWriter",
    "ColourTags",
    "OutputFormat",
    "Rate",
    "SourceFrame",
    "Timecode",
    "composite",
    "fingerprint_of",
    "mask_from_png",
    "patch_frame",
    "png_from_mask",
    "probe",
    "working_size",
    "write_atomically",
]
