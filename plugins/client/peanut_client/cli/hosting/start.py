"""From a host's request to a running job, and watching it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from peanut.v1 import edits_pb2, jobs_pb2
from peanut_client.cli.documents import message_document
from peanut_client.cli.following import ended_early
from peanut_client.cli.hosting.tickets import Tickets
from peanut_client.cli.hosting.wire import field
from peanut_client.cli.options import CODECS, DELIVERABLES, CodecName, Deliver
from peanut_client.cli.outputs import EXTENSIONS
from peanut_client.cli.tracking import discard_edit
from peanut_client.client import PeanutClient, frame_range
from peanut_client.config import load_settings
from peanut_client.connection import read_review_address
from peanut_client.errors import PeanutError

Tell = Callable[..., None]
Check = Callable[[Callable[[int], bytes]], list[dict[str, Any]] | None]
"""Shows the masks of frames; [] if they are right, else all prompts, None to give up."""

_JOB_FIELDS = ("state", "stage", "units_done", "units_total")
_LOOK_EVERY_S = 0.1
_UNSAFE = re.compile(r"[^\w.-]+")


class CancelledByUserError(PeanutError):
    """Somebody in the host said so."""

    def __init__(self, message: str) -> None:
        super().__init__("CancelledByUserError", message)


def start(
    request: dict[str, Any],
    tickets: Tickets,
    cancelled: threading.Event,
    tell: Tell,
    check: Check | None = None,
) -> dict[str, Any]:
    """Make an edit, track the object until the masks are right, start the render, write the ticket.

    Args:
        request: `otio` (the request document), `prompts`, `frames` (what the host believes that
            the clip shows, `[first, end)` from the file's head), and optionally `deliver`, `codec`,
            `p_mask`, `grow`, `feather`, `folder`, `ticket`.
        tickets: where the ticket goes.
        cancelled: looked at between masks.
        tell: reports progress.
        check: lets the user look at the masks; None: they are taken as they are.

    Raises:
        PeanutError: refused by the daemon; or host and daemon do not mean the same frames.
        CancelledByUserError: nothing of it stays.
    """
    deliver = Deliver(field(request, "deliver", str, Deliver.FULL.value))
    codec = CodecName(
        field(
            request,
            "codec",
            str,
            (CodecName.PRORES_4444 if deliver is Deliver.PATCH else CodecName.PRORES_HQ).value,
        )
    )
    prompts = [_prompt(one) for one in field(request, "prompts", list)]
    document = json.dumps(field(request, "otio", dict))
    frames = field(request, "frames", list)
    with PeanutClient(on_start=lambda: tell("starting_daemon")) as client:
        edit = client.create_edit_from_otio(document)
        try:
            _same_frames(edit, frames)
            tell("edit", edit_id=edit.id, review=read_review_address(load_settings(), edit.id))
            _find(client, edit, prompts, request, cancelled, tell, check)
            client.approve_masks(
                edit.id,
                grow_px=field(request, "grow", int, 4),
                feather_px=field(request, "feather", int, 2),
            )
            out = output_path(edit, field(request, "folder", str, ""), EXTENSIONS[codec][0])
            job = client.start_render(
                edit.id, str(out), deliverable=DELIVERABLES[deliver], codec=CODECS[codec]
            )
        except BaseException:
            discard_edit(client, edit.id)
            raise
    tickets.write(job.id, {**field(request, "ticket", dict, {}), "output": str(out)})
    return {"job_id": job.id, "output": str(out)}


def watch(job_id: str, cancelled: threading.Event, tell: Tell) -> dict[str, Any]:
    """Report on a job until it has succeeded; `cancelled` cancels it.

    Raises:
        PeanutError: it failed or was cancelled.
    """
    ended = threading.Event()
    with PeanutClient() as client:
        job = client.get_job(job_id)
        # Between two windows nothing is reported for long; a cancel must not wait for that.
        waiter = threading.Thread(
            target=_cancel_when_asked, args=(client, job_id, cancelled, ended), daemon=True
        )
        waiter.start()
        try:
            for job in client.watch_job(job_id):
                document = message_document(job)
                tell("job", job_id=job_id, **{name: document[name] for name in _JOB_FIELDS})
        finally:
            ended.set()
            waiter.join()
    if job.state != jobs_pb2.JOB_STATE_SUCCEEDED:
        raise ended_early(job)
    return {"job": message_document(job)}


def _cancel_when_asked(
    client: PeanutClient, job_id: str, cancelled: threading.Event, ended: threading.Event
) -> None:
    while not ended.wait(_LOOK_EVERY_S):
        if cancelled.is_set():
            with contextlib.suppress(PeanutError):  # the watch itself says what became of the job
                client.cancel_job(job_id)
            return


def output_path(edit: edits_pb2.Edit, folder: str, suffix: str) -> Path:
    """A name that nothing has: hosts serve a file that changed under its name from their cache.

    Raises:
        PeanutError: no folder can be written.
    """
    source = Path(edit.clip.path)
    wanted = [Path(folder).expanduser()] if folder else [source.parent / "PEANUT", _fallback()]
    for place in wanted:
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if not os.access(place, os.W_OK):
            continue
        stem = _UNSAFE.sub("_", source.stem)
        name = f"{stem}_{edit.range.start_frame}-{edit.range.end_frame - 1}_peanut"
        version = 1
        # A job that runs has written nothing yet, so its id is part of the name.
        while any(place.glob(f"{name}_v{version:03d}*")):
            version += 1
        return place / f"{name}_v{version:03d}_{edit.id[:6]}{suffix}"
    raise PeanutError(
        "OutputNotWritableError",
        f"none of {', '.join(map(str, wanted))} can be written: choose another folder",
    )


def _fallback() -> Path:
    return Path.home() / "PEANUT"


def _same_frames(edit: edits_pb2.Edit, frames: list[Any]) -> None:
    found = [edit.range.start_frame, edit.range.end_frame]
    if frames and found != [int(frame) for frame in frames]:
        raise PeanutError(
            "FrameMismatchError",
            f"the timeline shows frames [{frames[0]}, {frames[1]}) of {edit.clip.path}, and the "
            f"request means [{found[0]}, {found[1]}): check start timecode and rate of the clip",
        )


def _find(
    client: PeanutClient,
    edit: edits_pb2.Edit,
    prompts: list[edits_pb2.Prompt],
    request: dict[str, Any],
    cancelled: threading.Event,
    tell: Tell,
    check: Check | None,
) -> None:
    """Track, let the user look, and track again with what they say, until it is right."""
    p_mask = field(request, "p_mask", str, "")
    while True:
        _track(client, edit, prompts, p_mask, cancelled, tell)
        if check is None:
            return
        tell("check")
        said = check(lambda frame: _mask_png(client, edit.id, frame))
        if said is None or cancelled.is_set():
            raise CancelledByUserError("cancelled while looking at the mask")
        if not said:
            return
        prompts = [_prompt(one) for one in said]


def _mask_png(client: PeanutClient, edit_id: str, frame: int) -> bytes:
    for found in client.fetch_masks(edit_id, frames=frame_range(frame, frame + 1)):
        return found.png
    raise PeanutError("MaskNotFoundError", f"frame {frame} has no mask")


def _track(
    client: PeanutClient,
    edit: edits_pb2.Edit,
    prompts: list[edits_pb2.Prompt],
    p_mask: str,
    cancelled: threading.Event,
    tell: Tell,
) -> None:
    total = edit.range.end_frame - edit.range.start_frame
    done: set[int] = set()
    lost: set[int] = set()
    target = edits_pb2.Target(id="1", prompts=prompts)
    for response in client.track_masks(edit.id, [target], p_mask=p_mask):
        if cancelled.is_set():
            raise CancelledByUserError(
                f"cancelled while tracking, after {len(done)} of {total} frames"
            )
        if not response.HasField("mask"):
            continue
        done.add(response.mask.frame_index)
        lost.discard(response.mask.frame_index)
        if response.mask.confidence <= 0:
            lost.add(response.mask.frame_index)
        tell("tracking", frames_done=len(done), frames_total=total)
    if cancelled.is_set():
        raise CancelledByUserError("cancelled after tracking")
    if lost:
        tell("warning", message=f"the object was not found on {len(lost)} of {total} frames")


def _prompt(said: Any) -> edits_pb2.Prompt:
    """One prompt; frames count from the head of the file."""
    try:
        frame = int(said["frame"])
        if said["kind"] == "point":
            x_px, y_px = (float(value) for value in said["xy_px"])
            negative = not said.get("positive", True)
            point = edits_pb2.PointPrompt(x_px=x_px, y_px=y_px, negative=negative)
            return edits_pb2.Prompt(frame_index=frame, point=point)
        if said["kind"] == "box":
            x0, y0, x1, y1 = (float(value) for value in said["box_xyxy_px"])
            box = edits_pb2.BoxPrompt(x0_px=x0, y0_px=y0, x1_px=x1, y1_px=y1)
            return edits_pb2.Prompt(frame_index=frame, box=box)
        if said["kind"] == "text":
            text = edits_pb2.TextPrompt(text=str(said["text"]))
            return edits_pb2.Prompt(frame_index=frame, text=text)
        if said["kind"] == "mask":
            png = Path(said["file"]).read_bytes()
            return edits_pb2.Prompt(frame_index=frame, mask=edits_pb2.MaskPrompt(png=png))
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise PeanutError(
            "PromptError", f"prompt {said!r} cannot be read ({error}): give frame, kind and place"
        ) from error
    raise PeanutError(
        "PromptError", f"prompt {said!r} is of no known kind: point, box, text or mask"
    )
