"""`peanut mask`: masks only, one PNG per frame."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from peanut.v1 import masks_pb2
from peanut_client.cli import options
from peanut_client.cli.app import app
from peanut_client.cli.clips import Reading, check_clip, parse_rate
from peanut_client.cli.failures import CliError
from peanut_client.cli.output import Output
from peanut_client.cli.outputs import check_folder, check_output
from peanut_client.cli.prompts import TARGET_ID, parse_frames, parse_prompts, parse_range
from peanut_client.cli.session import open_client
from peanut_client.cli.tracking import discard_edit, tracked_edit

_MASK_NAME = re.compile(r"\d{5,}\.png")


@app.command()
def mask(
    clip: options.Clip,
    out: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="DIR", help="Folder for the PNGs, 00000.png ..."),
    ],
    frames: options.Range = None,
    point: options.Points = None,
    not_point: options.NotPoints = None,
    box: options.Boxes = None,
    mask_file: options.MaskFiles = None,
    masks: options.Masks = None,
    text: options.Texts = None,
    effect: options.Effects = None,
    holdout: options.Holdouts = None,
    edge_sheet: Annotated[
        Path | None,
        typer.Option(
            "--edge-sheet",
            metavar="FILE.png",
            help="Also draw the matte's edge at 400 %, with the four settings below.",
        ),
    ] = None,
    edge_frames: Annotated[
        str | None,
        typer.Option(
            metavar="K,K,...", help="Frames of the edge sheet. Default: first, middle, last."
        ),
    ] = None,
    grow: options.Grow = 4,
    feather: options.Feather = 2,
    refine: options.Refine = 0,
    effect_feather: options.EffectFeather = 12,
    p_mask: options.PMask = "",
    rate: options.Rate = None,
    colourspace: options.Colourspace = "",
    deinterlace: options.Deinterlace = False,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
) -> None:
    """Find an object in a clip and write its masks, one PNG per frame."""
    output = Output(as_json=as_json)
    wanted = parse_range(frames)
    check_clip(clip, wanted)
    prompts = parse_prompts(
        points=point,
        not_points=not_point,
        boxes=box,
        mask_files=mask_file,
        masks=masks,
        text=text,
        effects=effect,
        holdouts=holdout,
    )
    shown = parse_frames("--edge-frames", edge_frames)
    if edge_sheet is not None:
        edge_sheet = check_output(edge_sheet, overwrite=overwrite)
    out = out.expanduser().absolute()
    check_mask_folder(out, overwrite=overwrite)
    reading = Reading(rate=parse_rate(rate), colourspace=colourspace, deinterlace=deinterlace)
    with open_client(output) as client:
        edit = tracked_edit(client, clip, wanted, prompts, output, p_mask=p_mask, reading=reading)
        try:
            if edge_sheet is not None:
                matte = masks_pb2.ApproveMasksRequest(
                    edit_id=edit.id,
                    grow_px=grow,
                    feather_px=feather,
                    refine_px=refine,
                    effect_feather_px=effect_feather,
                )
                write_picture(client.draw_matte_edge(matte, shown), edge_sheet)
            written = write_masks(client.fetch_masks(edit.id, TARGET_ID), out)
        finally:
            discard_edit(client, edit.id)
    output.document(
        {
            "folder": str(out),
            "clip": edit.clip.path,
            "range": {"start_frame": edit.range.start_frame, "end_frame": edit.range.end_frame},
            "masks": written,
            "edge_sheet": None if edge_sheet is None else str(edge_sheet),
        }
    )
    output.line(f"wrote {len(written)} masks to {out}", style="green")
    if edge_sheet is not None:
        output.line(f"wrote the matte's edge to {edge_sheet}", style="green")


def check_mask_folder(out: Path, *, overwrite: bool) -> None:
    """Refuse a folder that may not be replaced.

    Replacing means deleting what is there, so only a folder of masks is ever replaced.

    Raises:
        CliError: something is there, or the folder around it is missing.
    """
    check_folder(out.parent)
    if not out.exists():
        return
    if not out.is_dir():
        raise CliError("OutputExistsError", f"{out} is a file: give a folder for the masks")
    names = [entry.name for entry in out.iterdir()]
    others = [name for name in names if not _MASK_NAME.fullmatch(name)]
    if others:
        raise CliError(
            "OutputExistsError",
            f"{out} holds something else than masks ({others[0]}) and is left alone: "
            "choose a new folder with -o",
        )
    if names and not overwrite:
        raise CliError(
            "OutputExistsError",
            f"{out} holds {len(names)} masks already: choose another folder with -o",
            hint="add --overwrite to replace them",
        )


def write_picture(png: bytes, out: Path) -> None:
    """Write a picture; it appears whole or not at all.

    Raises:
        CliError: it cannot be written.
    """
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        part.write_bytes(png)
        part.replace(out)
    except OSError as error:
        raise CliError(
            "OutputNotWritableError",
            f"cannot write {out}: {error.strerror or error}; choose another place, or make room",
        ) from error
    finally:
        part.unlink(missing_ok=True)


def write_masks(masks: Iterable[masks_pb2.MaskFrame], out: Path) -> list[dict[str, object]]:
    """Write masks as they came, named by frame; the folder appears whole or not at all.

    Returns:
        File name, frame and confidence of each.

    Raises:
        CliError: the folder cannot be written.
    """
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    written: list[dict[str, object]] = []
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        for mask_frame in masks:
            name = f"{mask_frame.frame_index:05d}.png"
            (part / name).write_bytes(mask_frame.png)
            written.append(
                {
                    "file": name,
                    "frame_index": mask_frame.frame_index,
                    "confidence": round(mask_frame.confidence, 4),
                }
            )
        if out.exists():
            shutil.rmtree(out)
        part.rename(out)
    except OSError as error:
        raise CliError(
            "OutputNotWritableError",
            f"cannot write masks to {out}: {error.strerror or error}; choose another folder "
            "with -o, or make room",
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return written
