"""The codecs of deliverables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

CodecName = Literal[
    "ffv1", "prores_422", "prores_hq", "prores_4444", "dnxhr_hq", "dnxhr_hqx", "dnxhr_444",
    "h264", "h264_10", "h265", "h265_10", "exr", "tiff", "png", "dpx",
]  # fmt: skip

_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """One way to store a deliverable.

    Attributes:
        muxers: FFmpeg's name of the container by suffix of the file name; the first is the usual
            one. An empty name is an image sequence.
        encoder: FFmpeg's name.
        options: of the encoder.
        pixel_formats: those that pictures are stored in; the source's own if it is among them, else
            the nearest (`formats.stored_as`). Empty: the source's own code values.
        alpha_pixel_formats: the same for pictures with alpha; None if it cannot hold any.
        floating: it holds floating point, and nothing else.
        limited_range: the codec has no way to say "full range".
        even: the size must be even, across and down.
        smallest: width and height that it must have at least.
    """

    muxers: Mapping[str, str]
    encoder: str
    options: Mapping[str, str] = field(default_factory=lambda: _NONE)
    pixel_formats: tuple[str, ...] = ()
    alpha_pixel_formats: tuple[str, ...] | None = None
    floating: bool = False
    limited_range: bool = False
    even: tuple[bool, bool] = (False, False)
    smallest: tuple[int, int] = (1, 1)

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Of the file name, the usual one first."""
        return tuple(self.muxers)

    @property
    def suffix(self) -> str:
        """The usual one."""
        return self.suffixes[0]

    @property
    def is_sequence(self) -> bool:
        """Whether it writes one file per frame."""
        return not any(self.muxers.values())


def _prores(profile: int, formats: str, alpha: tuple[str, ...] | None = None) -> Codec:
    options = {"profile": str(profile), "vendor": "apl0"}
    return Codec(
        muxers={".mov": "mov"},
        encoder="prores_ks",
        options=options if alpha is None else {**options, "alpha_bits": "16"},
        pixel_formats=(formats,),
        alpha_pixel_formats=alpha,
        limited_range=True,
        even=(True, False),
    )


def _dnxhr(profile: str, *formats: str) -> Codec:
    return Codec(
        muxers={".mov": "mov", ".mxf": "mxf"},
        encoder="dnxhd",
        options={"profile": f"dnxhr_{profile}"},
        pixel_formats=formats,
        limited_range=True,
        even=(True, False),
        smallest=(256, 120),
    )


def _h26x(encoder: str, options: dict[str, str], *formats: str) -> Codec:
    return Codec(
        muxers={".mp4": "mp4", ".mov": "mov"},
        encoder=encoder,
        options={"crf": "16", "preset": "medium", **options},
        pixel_formats=formats,
        even=(True, True),
    )


# No 4:4:4: few editors decode it.
_YUV_10 = ("yuv420p10le", "yuv422p10le")

CODECS: dict[CodecName, Codec] = {
    # Every frame a key frame and every slice with a checksum: damage stays where it is, and shows.
    "ffv1": Codec(
        muxers={".mkv": "matroska"},
        encoder="ffv1",
        options={"level": "3", "g": "1", "slices": "4", "slicecrc": "1"},
        alpha_pixel_formats=(),
    ),
    "prores_422": _prores(2, "yuv422p10le"),
    "prores_hq": _prores(3, "yuv422p10le"),
    "prores_4444": _prores(4, "yuv444p10le", ("yuva444p10le",)),
    "dnxhr_hq": _dnxhr("hq", "yuv422p"),
    "dnxhr_hqx": _dnxhr("hqx", "yuv422p10le"),
    "dnxhr_444": _dnxhr("444", "yuv444p10le", "gbrp10le"),
    # 8 bit 4:2:0 plays everywhere.
    "h264": _h26x("libx264", {}, "yuv420p"),
    "h264_10": _h26x("libx264", {}, *_YUV_10),
    "h265": _h26x("libx265", {}, "yuv420p"),
    "h265_10": _h26x("libx265", {}, *_YUV_10),
    "exr": Codec(
        muxers={".exr": ""},
        encoder="exr",
        options={"compression": "zip16"},
        pixel_formats=("grayf32le", "gbrpf32le"),
        alpha_pixel_formats=("gbrapf32le",),
        floating=True,
    ),
    "tiff": Codec(
        muxers={".tif": "", ".tiff": ""},
        encoder="tiff",
        options={"compression_algo": "deflate"},
        pixel_formats=("gray", "gray16le", "rgb24", "rgb48le"),
        alpha_pixel_formats=("rgba", "rgba64le"),
    ),
    "png": Codec(
        muxers={".png": ""},
        encoder="png",
        pixel_formats=("gray", "gray16be", "rgb24", "rgb48be"),
        alpha_pixel_formats=("rgba", "rgba64be"),
    ),
    "dpx": Codec(
        muxers={".dpx": ""},
        encoder="dpx",
        pixel_formats=("gray", "rgb24", "gbrp10le", "gbrp12le", "rgb48le"),
        alpha_pixel_formats=("rgba", "rgba64le"),
    ),
}
