"""Turn the frames of `render.py` into the demo shot that ships with the package.

    clip.mov     the input: airship over plate, H.264 4:2:0 8 bit, timecode track, room tone
    plate.mp4    the true clean plate, the same encoder settings
    masks.zip    the airship's true mask per frame: 1-bit PNG, 00000.png and on
    shot.json    size, rate, a good click and a box, what is in it, licence

Run: python examples/demo_shot/encode.py --frames DIR [--out FOLDER] [--contact SHEET.png]

What may go in: from rendered frames to the shipped files; nothing of Blender.
"""

from __future__ import annotations

import argparse
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.audio
import av.video
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

Image16 = NDArray[np.uint16]
Mask = NDArray[np.bool_]

SHIPPED = Path(__file__).resolve().parents[2] / "daemon" / "peanut_daemon" / "demo"
RATE = Fraction(24, 1)
TIMECODE = "01:00:00:00"
SAMPLE_RATE = 48_000
# Below this alpha the airship changes an 8-bit code value by less than about five steps.
MASK_ALPHA = 0.02
CLICK_FRAME = 0
BT709 = 1  # the number for primaries, transfer and matrix in H.264 and QuickTime


@dataclass(frozen=True)
class Frame:
    """One frame of the shot: what the camera sees, what lies behind, where the airship is."""

    image: Image16
    plate: Image16
    mask: Mask


def read_png(path: Path) -> Image16:
    """A 16-bit PNG as RGB or RGBA."""
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.dtype != np.uint16:
        raise SystemExit(f"{path} is not a readable 16-bit PNG: render it again")
    order = cv2.COLOR_BGRA2RGBA if stored.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(stored, order), dtype=np.uint16)


def lay_over(plate: Image16, layer: Image16) -> Frame:
    """Put the airship (straight alpha) over the plate; where alpha is 0 the plate is untouched."""
    alpha = layer[..., 3:].astype(np.float64) / 65535
    mixed = layer[..., :3] * alpha + plate * (1 - alpha)
    return Frame(np.rint(mixed).astype(np.uint16), plate, alpha[..., 0] > MASK_ALPHA)


def read_frames(folder: Path) -> list[Frame]:
    """All rendered frames in order; both layers must be complete."""
    plates = sorted((folder / "plate").glob("*.png"))
    layers = sorted((folder / "object").glob("*.png"))
    if not plates or [p.name for p in plates] != [p.name for p in layers]:
        raise SystemExit(f"{folder}: plate/ and object/ must hold the same frames")
    return [lay_over(read_png(p), read_png(q)) for p, q in zip(plates, layers, strict=True)]


def room_tone(seconds: Fraction) -> NDArray[np.int16]:
    """Quiet mono room tone: brown-ish noise and a soft chord that swells; made from a seed."""
    count = int(seconds * SAMPLE_RATE)
    time = np.arange(count) / SAMPLE_RATE
    spectrum = np.fft.rfft(np.random.default_rng(20).normal(size=count))
    spectrum /= np.maximum(np.fft.rfftfreq(count, 1 / SAMPLE_RATE), 60.0)
    noise = np.fft.irfft(spectrum, count)
    noise *= 0.004 / noise.std()
    chord = sum(np.sin(2 * np.pi * pitch * time) for pitch in (220.0, 277.2, 329.6))
    chord = 0.006 * chord * np.sin(np.pi * time / float(seconds)) ** 2
    return np.asarray(np.rint((noise + chord) * 32767), dtype=np.int16)


def add_video(container: av.container.OutputContainer, width: int, height: int, crf: int) -> Any:
    """An H.264 High stream that says BT.709, limited range."""
    # Tricks for the eye are off: where clip and plate are equal they should stay nearly equal.
    options = {"crf": str(crf), "preset": "veryslow", "tune": "psnr", "mbtree": "0"}
    options["profile"] = "high"
    stream = container.add_stream("libx264", rate=RATE, options=options)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = stream.codec_context
    context.color_primaries = context.color_trc = context.colorspace = BT709
    context.color_range = ColorRange.MPEG.value
    return stream


def to_video_frame(image: Image16, index: int) -> av.VideoFrame:
    """RGB to limited-range BT.709 4:2:0."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb48le").reformat(
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
    )
    frame.pts, frame.time_base = index, 1 / RATE
    return frame


def add_sound(container: av.container.OutputContainer, stream: Any, sound: Any) -> None:
    """Write uncompressed sound, so that a pass-through can be compared bit by bit."""
    for start in range(0, len(sound), 2000):  # one video frame's worth
        part = np.ascontiguousarray(sound[None, start : start + 2000])
        frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, start
        frame.time_base = Fraction(1, SAMPLE_RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def write_movie(path: Path, images: Sequence[Image16], crf: int, sound: Any = None) -> None:
    """Encode one movie, starting at TIMECODE; bit-exact flags keep dates and versions out."""
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    height, width = images[0].shape[:2]
    with av.open(str(path), "w", options=options) as container:
        container.metadata["timecode"] = TIMECODE
        video = add_video(container, width, height, crf)
        audio: Any = None
        if sound is not None:  # every stream must be there before the first packet
            audio = container.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
        for index, image in enumerate(images):
            container.mux(video.encode(to_video_frame(image, index)))
        container.mux(video.encode(None))
        if audio is not None:
            add_sound(container, audio, sound)


def write_masks(path: Path, masks: Sequence[Mask]) -> None:
    """1-bit PNGs in a zip whose dates are fixed, so that the same masks give the same file."""
    with zipfile.ZipFile(path, "w") as archive:
        for index, mask in enumerate(masks):
            setting = [cv2.IMWRITE_PNG_BILEVEL, 1, cv2.IMWRITE_PNG_COMPRESSION, 9]
            _, png = cv2.imencode(".png", mask.astype(np.uint8) * 255, setting)
            archive.writestr(zipfile.ZipInfo(f"{index:05d}.png"), png.tobytes())


def good_click(frame: Frame) -> list[int]:
    """[x, y] deep inside the airship and of its usual colour, so not on a highlight."""
    depth = cv2.distanceTransform(frame.mask.astype(np.uint8), cv2.DIST_L2, 5)
    smooth = cv2.GaussianBlur(frame.image, (0, 0), 2).astype(np.float64)
    usual = np.median(frame.image[frame.mask], axis=0)
    unlike = np.linalg.norm(smooth - usual, axis=2)
    unlike[depth < 0.6 * depth.max()] = np.inf
    y, x = np.unravel_index(int(unlike.argmin()), unlike.shape)
    return [int(x), int(y)]


def tight_box(mask: Mask) -> list[int]:
    """[x0, y0, x1, y1] around the mask; x1 and y1 lie one past its last pixel."""
    y, x = np.nonzero(mask)
    return [int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1]


def describe(frames: Sequence[Frame]) -> dict[str, Any]:
    """What `shot.json` says."""
    height, width = frames[0].mask.shape
    mask = frames[CLICK_FRAME].mask
    return {
        "name": "courtyard",
        "description": "A red toy airship flies left to right across a sunlit stone courtyard; "
        "hand-held camera stepping right and forward. The airship casts no shadow in the "
        "picture, so removing it alone gives the plate.",
        "object": "red toy airship",
        "width": width,
        "height": height,
        "frames": len(frames),
        "rate": [RATE.numerator, RATE.denominator],
        "start_timecode": TIMECODE,
        "click": {"frame_index": CLICK_FRAME, "point_xy_px": good_click(frames[CLICK_FRAME])},
        "box": {"frame_index": CLICK_FRAME, "box_xyxy_px": tight_box(mask)},
        "files": {"clip": "clip.mov", "plate": "plate.mp4", "masks": "masks.zip"},
        "licence": "Apache-2.0",
        "made_by": "Rendered by this project with Blender (Cycles), geometry and procedural "
        "textures only: examples/demo_shot/render.py, examples/demo_shot/encode.py.",
    }


def write_contact_sheet(path: Path, frames: Sequence[Frame], count: int = 6) -> None:
    """Rows of input, plate and mask for a look with the eyes."""
    rows = []
    for index in np.linspace(0, len(frames) - 1, count).round().astype(int):
        frame = frames[index]
        mask = np.repeat(frame.mask[..., None], 3, 2).astype(np.uint16) * 65535
        rows.append(np.hstack([frame.image, frame.plate, mask]))
    sheet = (np.vstack(rows) >> 8).astype(np.uint8)
    cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))


def options() -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description="Encode the demo shot.")
    parser.add_argument("--frames", type=Path, required=True, help="holds plate/ and object/")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="where the files go")
    parser.add_argument("--crf", type=int, default=13, help="x264 quality; lower is better")
    parser.add_argument("--contact", type=Path, help="also write a contact sheet here")
    return parser.parse_args()


def main() -> None:
    """Read, combine, encode."""
    flags = options()
    frames = read_frames(flags.frames)
    flags.out.mkdir(parents=True, exist_ok=True)
    sound = room_tone(len(frames) / RATE)
    write_movie(flags.out / "clip.mov", [f.image for f in frames], flags.crf, sound)
    write_movie(flags.out / "plate.mp4", [f.plate for f in frames], flags.crf)
    write_masks(flags.out / "masks.zip", [f.mask for f in frames])
    text = json.dumps(describe(frames), indent=2) + "\n"
    (flags.out / "shot.json").write_text(text, encoding="utf-8")
    if flags.contact:
        write_contact_sheet(flags.contact, frames)
    for name in ("clip.mov", "plate.mp4", "masks.zip", "shot.json"):
        path = flags.out / name
        print(f"{path.name:12} {path.stat().st_size:>9,} bytes")


if __name__ == "__main__":
    main()
