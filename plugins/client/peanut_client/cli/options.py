"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from peanut.v1 import renders_pb2


class Deliver(StrEnum):
    """What lands in the timeline."""

    PATCH = "patch"
    FULL = "full"
    UPSCALED = "upscaled"


class CodecName(StrEnum):
    """How it is encoded."""

    FFV1 = "ffv1"
    PRORES_422 = "prores-422"
    PRORES_HQ = "prores-hq"
    PRORES_4444 = "prores-4444"
    DNXHR_HQ = "dnxhr-hq"
    DNXHR_HQX = "dnxhr-hqx"
    DNXHR_444 = "dnxhr-444"
    H264 = "h264"
    H264_10 = "h264-10"
    H265 = "h265"
    H265_10 = "h265-10"
    EXR = "exr"
    TIFF = "tiff"
    PNG = "png"
    DPX = "dpx"


class WorkingSize(StrEnum):
    """At which fraction of the source's size a network works."""

    AUTO = "auto"
    FULL = "full"
    HALF = "half"
    QUARTER = "quarter"


DELIVERABLES = {
    Deliver.PATCH: renders_pb2.DELIVERABLE_PATCH,
    Deliver.FULL: renders_pb2.DELIVERABLE_FULL,
    Deliver.UPSCALED: renders_pb2.DELIVERABLE_UPSCALED,
}

CODECS = {
    CodecName.FFV1: renders_pb2.CODEC_FFV1,
    CodecName.PRORES_422: renders_pb2.CODEC_PRORES_422,
    CodecName.PRORES_HQ: renders_pb2.CODEC_PRORES_HQ,
    CodecName.PRORES_4444: renders_pb2.CODEC_PRORES_4444,
    CodecName.DNXHR_HQ: renders_pb2.CODEC_DNXHR_HQ,
    CodecName.DNXHR_HQX: renders_pb2.CODEC_DNXHR_HQX,
    CodecName.DNXHR_444: renders_pb2.CODEC_DNXHR_444,
    CodecName.H264: renders_pb2.CODEC_H264,
    CodecName.H264_10: renders_pb2.CODEC_H264_10,
    CodecName.H265: renders_pb2.CODEC_H265,
    CodecName.H265_10: renders_pb2.CODEC_H265_10,
    CodecName.EXR: renders_pb2.CODEC_EXR,
    CodecName.TIFF: renders_pb2.CODEC_TIFF,
    CodecName.PNG: renders_pb2.CODEC_PNG,
    CodecName.DPX: renders_pb2.CODEC_DPX,
}

Json = Annotated[
    bool,
    typer.Option("--json", help="One JSON document on stdout, progress as JSON lines on stderr."),
]
Clip = Annotated[
    Path,
    typer.Argument(
        metavar="CLIP",
        help="A media file, the folder or pattern (shot.####.exr) of an image sequence, or an "
        ".otio document with one clip.",
    ),
]
Rate = Annotated[
    str | None,
    typer.Option(
        metavar="FPS",
        help="Frames per second of an image sequence, such as 24 or 24000/1001 or 23.976.",
    ),
]
Colourspace = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="What the clip's values mean: display, linear, or a colour space of OpenColorIO's "
        "ACES configuration. Default: by the file.",
    ),
]
Deinterlace = Annotated[
    bool, typer.Option("--deinterlace", help="Make progressive frames of an interlaced clip.")
]
Cuts = Annotated[
    str | None,
    typer.Option(
        metavar="K,K,...",
        help="First frames of new shots, or none. Default: they are found.",
    ),
]
Versioned = Annotated[
    bool,
    typer.Option(
        "--versioned", help="Write OUT_v001, or the next number that is free, instead of OUT."
    ),
]
NoProof = Annotated[
    bool,
    typer.Option(
        "--no-proof",
        help="Do not read the result back to compare it with the clip outside the matte.",
    ),
]
Range = Annotated[
    str | None,
    typer.Option(
        "--range",
        metavar="A:B",
        help="Frames A to B-1, counted from 0 at the start of the file. Default: all.",
    ),
]
Points = Annotated[
    list[str] | None,
    typer.Option(
        "--point",
        metavar="X,Y@FRAME",
        help="A pixel of the object. @FRAME may be left out: the first frame of the range.",
    ),
]
NotPoints = Annotated[
    list[str] | None,
    typer.Option(
        "--not-point", metavar="X,Y@FRAME", help="A pixel that does not belong to the object."
    ),
]
Boxes = Annotated[
    list[str] | None,
    typer.Option(
        "--box",
        metavar="X0,Y0,X1,Y1@FRAME",
        help="A rectangle around the object; X1 and Y1 lie just outside.",
    ),
]
MaskFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--mask-file",
        metavar="FILE@FRAME",
        help="A painted mask: a PNG of the clip's size, white on the object.",
    ),
]
Masks = Annotated[
    Path | None,
    typer.Option(
        "--masks",
        metavar="DIR_OR_FILE",
        help="Ready masks: a folder of PNGs numbered by frame (00012.png), or one PNG for all.",
    ),
]
Texts = Annotated[
    str | None,
    typer.Option(
        "--text", metavar="SENTENCE", help="What must go, in words; needs a model that reads them."
    ),
]
Effects = Annotated[
    list[str] | None,
    typer.Option(
        "--effect",
        metavar="PLACE@FRAME",
        help="A shadow or reflection that goes too: X,Y or X0,Y0,X1,Y1 or a painted mask; or a "
        "folder of masks.",
    ),
]
Holdouts = Annotated[
    list[str] | None,
    typer.Option(
        "--holdout",
        metavar="PLACE@FRAME",
        help="Something in front that must stay: said as for --effect.",
    ),
]
Grow = Annotated[
    int, typer.Option(metavar="PX", min=0, max=256, help="Grow the mask by so many pixels.")
]
Feather = Annotated[
    int,
    typer.Option(
        metavar="PX", min=0, max=256, help="Of these, fade the outermost so many pixels out."
    ),
]
Refine = Annotated[
    int,
    typer.Option(
        metavar="PX",
        min=0,
        max=32,
        help="Before growing, let the outline move to the picture's edges, so many pixels at most.",
    ),
]
EffectFeather = Annotated[
    int,
    typer.Option(metavar="PX", min=0, max=256, help="Fade effects out over so many pixels."),
]
PMask = Annotated[
    str,
    typer.Option(
        "--p-mask",
        metavar="MODEL",
        help="What finds the masks: embedded, or a model's name. Default: the profile's.",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]
JobId = Annotated[str, typer.Argument(metavar="ID", help="Id of the job.")]
