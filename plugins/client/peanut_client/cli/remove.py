"""`peanut remove`: from a clip and prompts to a deliverable."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from peanut.v1 import jobs_pb2, models_pb2
from peanut_client.cli import options
from peanut_client.cli.app import app
from peanut_client.cli.clips import Reading, check_clip, parse_rate
from peanut_client.cli.documents import message_document
from peanut_client.cli.failures import UsageError
from peanut_client.cli.following import follow_job
from peanut_client.cli.output import Output
from peanut_client.cli.outputs import check_output, choose_codec
from peanut_client.cli.prompts import parse_cuts, parse_prompts, parse_range
from peanut_client.cli.session import open_client
from peanut_client.cli.tracking import discard_edit, tracked_edit
from peanut_client.client import PeanutClient


@app.command()
def remove(
    clip: options.Clip,
    out: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT", help="The deliverable to write.")
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
    deliver: Annotated[
        options.Deliver,
        typer.Option(
            help="patch: transparent outside the object; full: whole frames; "
            "upscaled: whole frames at four times the size."
        ),
    ] = options.Deliver.FULL,
    codec: Annotated[
        options.CodecName | None,
        typer.Option(help="Default: by the extension of OUT."),
    ] = None,
    grow: options.Grow = 4,
    feather: options.Feather = 2,
    refine: options.Refine = 0,
    effect_feather: options.EffectFeather = 12,
    no_grain: Annotated[
        bool, typer.Option("--no-grain", help="Leave the fill without the source's grain.")
    ] = False,
    clean_plate: Annotated[
        list[Path] | None,
        typer.Option(
            "--clean-plate",
            metavar="FILE",
            help="A still or clip that shows the background without the object; may be repeated.",
        ),
    ] = None,
    plate_confidence: Annotated[
        float | None,
        typer.Option(
            metavar="0..1",
            min=0,
            max=1,
            help="How sure a pixel of the clean plate must be to be used.  [default: 0.5]",
        ),
    ] = None,
    rate: options.Rate = None,
    colourspace: options.Colourspace = "",
    deinterlace: options.Deinterlace = False,
    cuts: options.Cuts = None,
    overwrite: options.Overwrite = False,
    versioned: options.Versioned = False,
    no_proof: options.NoProof = False,
    p_mask: options.PMask = "",
    nof_eraser: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="What fills the hole: embedded, e2fgvi or e2fgvi_hq. Default: the profile's.",
        ),
    ] = "",
    ur_net: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="What enlarges: embedded, a model's name, or auto (by what the clip is). "
            "Default: the profile's.",
        ),
    ] = "",
    working_size: Annotated[
        options.WorkingSize,
        typer.Option(help="Size at which a network fills what no frame shows."),
    ] = options.WorkingSize.AUTO,
    window_frames: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="Frames that are filled at a time; more see farther and need more memory. "
            "Default: 48, or as many as fit.",
        ),
    ] = 0,
    profile: Annotated[
        str, typer.Option(metavar="NAME", help="Choice of models; see `peanut status`.")
    ] = "",
    as_json: options.Json = False,
) -> None:
    """Remove an object from a clip and write the result with its timeline."""
    output = Output(as_json=as_json)
    started = time.monotonic()
    wanted = parse_range(frames)
    check_clip(clip, wanted)
    for plate in clean_plate or ():
        if not plate.is_file():
            raise UsageError(f"--clean-plate {plate} does not exist: give a still or a clip")
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
    chosen = choose_codec(out, deliver, codec)
    shots = parse_cuts(cuts)
    reading = Reading(rate=parse_rate(rate), colourspace=colourspace, deinterlace=deinterlace)
    out = check_output(out, overwrite=overwrite or versioned)
    with open_client(output) as client:
        _check_profile(client, profile)
        _check_model(client, "--nof-eraser", nof_eraser, models_pb2.MODEL_STAGE_NOF_ERASER)
        _check_model(client, "--ur-net", ur_net, models_pb2.MODEL_STAGE_UR_NET)
        _check_model(client, "--p-mask", p_mask, models_pb2.MODEL_STAGE_P_MASK)
        finder = p_mask or profile_model(client, profile)
        edit = tracked_edit(client, clip, wanted, prompts, output, p_mask=finder, reading=reading)
        try:
            client.approve_masks(
                edit.id,
                grow_px=grow,
                feather_px=feather,
                refine_px=refine,
                effect_feather_px=effect_feather,
            )
            job = client.start_render(
                edit.id,
                str(out),
                deliverable=options.DELIVERABLES[deliver],
                codec=options.CODECS[chosen],
                overwrite=overwrite,
                profile=profile,
                nof_eraser=nof_eraser,
                ur_net=ur_net,
                working_size=working_size.value,
                window_frames=window_frames,
                donor_paths=[str(path.absolute()) for path in clean_plate or ()],
                donor_confidence=plate_confidence,
                cuts=shots,
                versioned=versioned,
                proof=not no_proof,
                grain=not no_grain,
            )
        except BaseException:
            discard_edit(client, edit.id)
            raise
        job = follow_job(client, job, output, cancel_on_interrupt=True)
    show_result(job, output, seconds=time.monotonic() - started)


def _check_profile(client: PeanutClient, profile: str) -> None:
    """Refuse an unknown profile now; the daemon would after the tracking."""
    known = [p.name for p in client.server.profiles]
    if profile and profile not in known:
        raise UsageError(
            f"--profile {profile!r} is not known to the daemon: choose one of {', '.join(known)}"
        )


def profile_model(client: PeanutClient, profile: str) -> str:
    """The P-MASK of a profile; empty for the daemon's own choice."""
    return next((p.p_mask for p in client.server.profiles if p.name == profile), "")


def _check_model(
    client: PeanutClient, option: str, name: str, stage: models_pb2.ModelStage
) -> None:
    """Refuse a model that is unknown or not installed now, with the same aim."""
    if name in ("", "embedded", "auto"):
        return
    fitting = {m.name: m for m in client.list_models() if m.stage == stage}
    if name not in fitting:
        known = ", ".join(["embedded", *fitting])
        raise UsageError(f"{option} {name!r} is not known to the daemon: choose one of {known}")
    if not fitting[name].installed:
        raise UsageError(
            f"the weights of {name} are not on this machine",
            hint=f"get them with: peanut models pull {name}",
        )


def show_result(job: jobs_pb2.Job, output: Output, *, seconds: float | None = None) -> None:
    """Say what a job that succeeded has written."""
    document: dict[str, Any] = {
        "job": message_document(job),
        "outputs": message_document(job.outputs),
    }
    if seconds is not None:
        document["seconds"] = round(seconds, 2)
    output.document(document)
    output.line("done" if seconds is None else f"done in {seconds:.1f} s", style="green")
    output.facts(output_facts(job.outputs))


def output_facts(outputs: jobs_pb2.JobOutputs) -> list[tuple[str, str]]:
    """The files of a job by their names for people."""
    files = [
        ("result", outputs.deliverable),
        ("timeline", outputs.otio),
        ("matte", outputs.matte),
        ("report", outputs.report),
        ("report page", outputs.report_page),
        ("contact sheet", outputs.contact_sheet),
    ]
    return [(name, path) for name, path in files if path]
