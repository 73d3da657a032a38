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
    PRORES_HQ = "prores-hq"
    PRORES_4444 = "prores-4444"
    H264 = "h264"


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
    CodecName.PRORES_HQ: renders_pb2.CODEC_PRORES_HQ,
    CodecName.PRORES_4444: renders_pb2.CODEC_PRORES_4444,
    CodecName.H264: renders_pb2.CODEC_H264,
}

Json = Annotated[
    bool,
    typer.Option("--json", help="One JSON document on stdout, progress as JSON lines on stderr."),
]
Clip = Annotated[
    Path,
    typer.Argument(metavar="CLIP", help="A media file, or an .otio document with one clip."),
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
