"""The matrix: what sources there are, and what is made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

FULL, PATCH = "full", "patch"
BT601, BT709, BT2020 = (6, 6, 6), (1, 1, 1), (9, 14, 9)
PQ, HLG = (9, 16, 9), (9, 18, 9)
UNTAGGED = (2, 2, 2)
LIMITED, FULL_RANGE = 1, 2
# Codecs that give back what they were given.
EXACT = ("ffv1", "exr", "tiff", "png", "dpx")
SEQUENCES = (".exr", ".dpx", ".png", ".tif")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One source and one deliverable.

    Attributes:
        encoder, pixel_format, suffix, options: how the source is stored.
        tags: primaries, transfer and matrix; `range` beside them.
        timecode: of the source's first frame, and of its second, where the deliverable starts.
        pts: of a source of variable rate, in milliseconds.
        deliver, codec, out: what is made, and its suffix.
        quick: among those that every run of the tests goes through.
    """

    encoder: str
    pixel_format: str
    suffix: str
    codec: str
    out: str = ""
    deliver: str = FULL
    options: dict[str, str] = field(default_factory=dict)
    rate: Fraction = Fraction(25)
    timecode: tuple[str, str] | None = None
    tags: tuple[int, int, int] = UNTAGGED
    range: int = 0
    pts: tuple[int, ...] = ()
    audio: str | None = None
    sample_aspect: Fraction = Fraction(1)
    size: tuple[int, int] = (64, 48)
    quick: bool = False

    @property
    def name(self) -> str:
        """For people and for pytest."""
        words = [self.encoder, self.pixel_format, self.suffix[1:], "to", self.codec + self.out]
        words += [self.deliver] if self.deliver != FULL else []
        words += [str(float(self.rate))[:7]] if self.rate != 25 else []
        words += ["vfr"] if self.pts else []
        words += [self.timecode[0]] if self.timecode else []
        words += ["-".join(map(str, (*self.tags, self.range)))] if self.tags != UNTAGGED else []
        words += [self.audio] if self.audio else []
        words += [f"sar {self.sample_aspect}"] if self.sample_aspect != 1 else []
        return " ".join(words)

    @property
    def exact(self) -> bool:
        """Whether nothing at all may change outside the matte."""
        return self.codec in EXACT or self.deliver == PATCH

    @property
    def is_sequence(self) -> bool:
        """Whether the source is one."""
        return self.suffix in SEQUENCES


X264 = {"crf": "12", "preset": "ultrafast", "bf": "2", "g": "6"}
X265 = {"preset": "ultrafast", "x265-params": "log-level=error:crf=12"}
DNX = (256, 120)
NTSC = {
    "23.976": Fraction(24000, 1001), "29.97": Fraction(30000, 1001),
    "47.952": Fraction(48000, 1001), "59.94": Fraction(60000, 1001),
    "119.88": Fraction(120000, 1001),
}  # fmt: skip


def _movies_to_ffv1() -> list[Cell]:
    h264 = ("yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le")
    h265 = ("yuv420p", "yuv420p10le", "yuv422p10le", "yuv444p12le", "gbrp10le")
    ffv1 = (
        "yuv444p16le", "yuv420p12le", "yuva444p10le", "gray", "gray16le", "bgr0", "bgra",
        "gbrp12le", "gbrp16le", "gbrap16le",
    )  # fmt: skip
    made = [
        Cell(encoder="libx264", pixel_format=p, suffix=".mp4", options=X264, codec="ffv1",
             quick=p in ("yuvj420p", "yuv422p10le"))
        for p in h264
    ]  # fmt: skip
    made += [
        Cell(encoder="libx265", pixel_format=p, suffix=".mp4", options=X265, codec="ffv1")
        for p in h265
    ]
    made += [
        Cell(encoder="ffv1", pixel_format=p, suffix=".mkv", codec="ffv1", quick=p == "gbrap16le")
        for p in ffv1
    ]
    # With alpha it is decoded to 12 bits, which ffmpeg before 7 cannot read back from FFV1.
    prores = [("yuv422p10le", "2"), ("yuv444p10le", "4")]
    made += [
        Cell(encoder="prores_ks", pixel_format=p, suffix=".mov", options={"profile": n},
             codec="ffv1")
        for p, n in prores
    ]  # fmt: skip
    dnx = [("yuv422p", "dnxhr_hq", ".mov"), ("yuv422p10le", "dnxhr_hqx", ".mxf"),
           ("yuv444p10le", "dnxhr_444", ".mov"), ("gbrp10le", "dnxhr_444", ".mov")]  # fmt: skip
    made += [
        Cell(encoder="dnxhd", pixel_format=p, suffix=s, options={"profile": n}, size=DNX,
             codec="ffv1", quick=s == ".mxf")
        for p, n, s in dnx
    ]  # fmt: skip
    others = [("mpeg2video", "yuv422p", ".mxf"), ("v210", "yuv422p10le", ".mov"),
              ("rawvideo", "uyvy422", ".mov"), ("mjpeg", "yuvj422p", ".mov"),
              ("qtrle", "rgb24", ".mov")]  # fmt: skip
    made += [
        Cell(encoder=e, pixel_format=p, suffix=s, codec="ffv1", quick=e == "rawvideo")
        for e, p, s in others
    ]
    return made


def _sequences() -> list[Cell]:
    files = [
        ("exr", "gbrpf32le", ".exr", {"format": "half"}, True),
        ("exr", "gbrpf32le", ".exr", {"format": "float"}, False),
        ("exr", "gbrapf32le", ".exr", {"format": "half"}, False),
        ("dpx", "rgb24", ".dpx", {}, False),
        ("dpx", "gbrp10le", ".dpx", {}, True),
        ("dpx", "gbrp12le", ".dpx", {}, False),
        ("dpx", "rgb48le", ".dpx", {}, False),
        ("png", "rgb24", ".png", {}, False),
        ("png", "rgb48be", ".png", {}, False),
        ("png", "rgba64be", ".png", {}, False),
        ("png", "gray16be", ".png", {}, False),
        ("tiff", "rgb24", ".tif", {}, False),
        ("tiff", "rgb48le", ".tif", {}, True),
        ("tiff", "rgba64le", ".tif", {}, False),
    ]
    made = [
        Cell(encoder=e, pixel_format=p, suffix=s, options=o, codec=e, quick=q)
        for e, p, s, o, q in files
    ]
    made += [
        Cell(encoder="exr", pixel_format="gbrpf32le", suffix=".exr", options={"format": "half"},
             codec=codec, deliver=PATCH)
        for codec in ("exr", "prores_4444")
    ]  # fmt: skip
    return made


def _patches() -> list[Cell]:
    return [
        Cell(encoder="libx264", pixel_format="yuv420p", suffix=".mp4", options=X264, deliver=PATCH,
             codec=codec, quick=codec == "prores_4444")
        for codec in ("ffv1", "prores_4444", "tiff", "png", "dpx")
    ] + [
        Cell(encoder="prores_ks", pixel_format="yuv422p10le", suffix=".mov", deliver=PATCH,
             options={"profile": "3"}, codec=codec)
        for codec in ("ffv1", "prores_4444", "png")
    ]  # fmt: skip


def _lossy() -> list[Cell]:
    def h264(pixel_format: str, codec: str, **more: object) -> Cell:
        return Cell(encoder="libx264", pixel_format=pixel_format, suffix=".mp4", options=X264,
                    codec=codec, **more)  # type: ignore[arg-type]  # fmt: skip

    made = [
        h264("yuv420p", "h264", audio="aac"),
        h264("yuv420p10le", "h264_10", out=".mov"),
        h264("yuv422p10le", "h264_10"),
        h264("yuv420p", "h265"),
        h264("yuv422p10le", "h265_10"),
        h264("yuv422p10le", "prores_422"),
        h264("yuvj420p", "prores_hq", range=FULL_RANGE),
    ]
    made += [
        Cell(encoder="prores_ks", pixel_format=p, suffix=".mov", options={"profile": n},
             codec=codec, quick=codec == "prores_hq")
        for p, n, codec in [("yuv422p10le", "2", "prores_422"), ("yuv422p10le", "3", "prores_hq"),
                            ("yuva444p10le", "4", "prores_4444")]
    ]  # fmt: skip
    made += [
        Cell(encoder="dnxhd", pixel_format=p, suffix=".mov", options={"profile": f"dnxhr_{n}"},
             codec=f"dnxhr_{n}", out=out, size=DNX)
        for p, n, out in [("yuv422p", "hq", ""), ("yuv422p10le", "hqx", ".mxf"),
                          ("yuv444p10le", "444", ""), ("gbrp10le", "444", "")]
    ]  # fmt: skip
    return made


def _times() -> list[Cell]:
    cases = [
        (NTSC["23.976"], ("01:00:00:23", "01:00:01:00"), "ffv1"),
        (Fraction(24), ("10:11:12:13", "10:11:12:14"), "prores_hq"),
        (NTSC["29.97"], ("00:00:59;29", "00:01:00;02"), "prores_hq"),
        (NTSC["29.97"], ("00:00:59:29", "00:01:00:00"), "ffv1"),
        (Fraction(30), ("23:59:59:29", "00:00:00:00"), "h264"),
        (NTSC["47.952"], ("01:00:00:47", "01:00:01:00"), "prores_hq"),
        (Fraction(50), ("09:59:59:49", "10:00:00:00"), "ffv1"),
        (NTSC["59.94"], ("00:00:59;59", "00:01:00;04"), "h264"),
        (Fraction(60), ("00:00:00:00", "00:00:00:01"), "prores_hq"),
        (NTSC["119.88"], ("01:00:00:00", "01:00:00:01"), "ffv1"),
    ]
    made = [
        Cell(encoder="prores_ks", pixel_format="yuv422p10le", suffix=".mov", rate=rate,
             timecode=timecode, codec=codec, audio="pcm_s24le" if codec == "prores_hq" else None,
             quick=";" in timecode[0] and codec == "prores_hq")
        for rate, timecode, codec in cases
    ]  # fmt: skip
    uneven = (0, 40, 90, 91, 200, 310, 333, 400)
    made += [
        Cell(encoder="libx264", pixel_format="yuv420p", suffix=".mkv", options=X264, pts=uneven,
             codec=codec, quick=codec == "ffv1")
        for codec in ("ffv1", "h264", "prores_hq")
    ]  # fmt: skip
    made += [
        Cell(encoder="libx264", pixel_format="yuv420p", suffix=".mp4", options=X264,
             sample_aspect=Fraction(64, 45), codec=codec)
        for codec in ("prores_hq", "h265")
    ]  # fmt: skip
    return made


def _colours() -> list[Cell]:
    cases = [
        ("yuv420p", BT601, LIMITED, "ffv1"),
        ("yuv420p", BT709, FULL_RANGE, "ffv1"),
        ("yuv420p10le", BT2020, LIMITED, "ffv1"),
        ("yuv420p10le", PQ, LIMITED, "ffv1"),
        ("yuv422p10le", HLG, LIMITED, "prores_hq"),
        ("yuv422p10le", PQ, LIMITED, "prores_4444"),
        ("yuv420p10le", PQ, FULL_RANGE, "h265_10"),
        ("yuv420p", BT601, FULL_RANGE, "h264"),
        ("yuv420p10le", HLG, LIMITED, "h264_10"),
    ]
    return [
        Cell(encoder="libx264", pixel_format=pixel_format, suffix=".mp4", options=X264, tags=tags,
             range=code_range, codec=codec, quick=tags == PQ and codec == "ffv1")
        for pixel_format, tags, code_range, codec in cases
    ]  # fmt: skip


CELLS = [
    *_movies_to_ffv1(), *_sequences(), *_patches(), *_lossy(), *_times(), *_colours(),
]  # fmt: skip
