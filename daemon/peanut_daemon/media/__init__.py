"""Media files: probing, decoding, compositing, encoding. The only place that knows PyAV.

    probe(path, rate=None) -> ClipInfo                  facts; .to_dict() / ClipInfo.from_dict(d)
    probe_for_editing(path, Reading()) -> ClipInfo      refuses interlaced clips, unknown colours
    with ClipReader.of(info) as reader:                 frame-exact access; ClipReader(path) too
        reader.frame_range, reader.index                FrameRange; when each frame is shown
        reader.read(k) -> SourceFrame                   FrameRangeError, MediaUnreadableError
        reader.frames(FrameRange(a, b))                 iterator of SourceFrame
    frame.to_rgb(), frame.working_rgb(long_side)        uint8/uint16 at source size; uint8 proxy
    screen_bgr(frame, long_side)                        for the screen: quick, not exact
    working_size(width, height, long_side)              the proxy's (width, height)
    composite(frame, plate_rgb, matte) -> SourceFrame   source code values outside the matte
    patch_frame(plate_rgb, matte) -> RGBA array         straight alpha
    output = OutputFormat.of(info, first_frame=a, alpha=False, scale=1)
    with writer_of(target, "ffv1", output, audio=AudioRange.of(path, range), overwrite=False) as w:
        w.write(frame_or_rgb_or_rgba, time=None)        appears under its name on a clean end only
    CODECS["ffv1"].suffixes                             see `codecs`; movies and image sequences
    png_from_mask(mask) -> bytes, mask_from_png(bytes)  1-bit PNG
    Rate(num, den), Timecode(frame_number, rate, drop_frame), Timecode.parse(label, rate)

Matte: uint8 0 to 255 or float 0 to 1, source size. Plates: RGB of the type that `to_rgb` gives.
Frame k is the k-th picture in order of presentation. Errors are those of `peanut_daemon.errors`,
and `FrameRangeError` of `peanut_models`.
"""

from __future__ import annotations

from peanut_daemon.media.atomic import AtomicFile, write_atomically
from peanut_daemon.media.audio import AudioRange
from peanut_daemon.media.clip import ClipInfo, Reading
from peanut_daemon.media.codecs import CODECS
from peanut_daemon.media.colour import ColourTags
from peanut_daemon.media.composite import composite, patch_frame
from peanut_daemon.media.decode import ClipReader
from peanut_daemon.media.encode import ClipWriter
from peanut_daemon.media.encode_sequence import Writer, writer_of
from peanut_daemon.media.formats import OutputFormat, check_name
from peanut_daemon.media.frame import SourceFrame, working_size
from peanut_daemon.media.masks import mask_from_png, png_from_mask
from peanut_daemon.media.probe import (
    checked_for_editing,
    fingerprint_of,
    probe,
    probe_for_editing,
)
from peanut_daemon.media.rate import Rate
from peanut_daemon.media.screen import screen_bgr
from peanut_daemon.media.sequence import pattern_of
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
    "Reading",
    "SourceFrame",
    "Timecode",
    "Writer",
    "check_name",
    "checked_for_editing",
    "composite",
    "fingerprint_of",
    "mask_from_png",
    "patch_frame",
    "pattern_of",
    "png_from_mask",
    "probe",
    "probe_for_editing",
    "screen_bgr",
    "working_size",
    "write_atomically",
    "writer_of",
]
