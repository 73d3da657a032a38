"""From prompts to masks, with a progress bar."""

from __future__ import annotations

import time
from pathlib import Path

from peanut.v1 import edits_pb2, frames_pb2, masks_pb2
from peanut_client.cli.clips import create_edit
from peanut_client.cli.failures import InterruptedByUserError
from peanut_client.cli.output import Output
from peanut_client.cli.prompts import Prompts
from peanut_client.client import PeanutClient
from peanut_client.errors import PeanutError

_ATTEMPTS = 3
_PAUSE_S = 1.0


def tracked_edit(
    client: PeanutClient,
    clip: Path,
    frames: frames_pb2.FrameRange | None,
    prompts: Prompts,
    output: Output,
    *,
    p_mask: str = "",
) -> edits_pb2.Edit:
    """Make an edit and track its target; nothing of it stays when that fails.

    Raises:
        PeanutError: clip, range or prompts are refused.
        InterruptedByUserError: Ctrl-C.
    """
    edit = create_edit(client, clip, frames)
    output.event("edit", edit_id=edit.id)
    try:
        target = prompts.target(edit.range, client.server.limits.max_message_bytes)
        _track_with_retries(client, edit, target, output, p_mask)
    except BaseException:
        discard_edit(client, edit.id)
        raise
    return edit


def discard_edit(client: PeanutClient, edit_id: str) -> None:
    """Delete an edit that nobody will ask for again; no harm where that fails."""
    try:
        client.delete_edit(edit_id)
    except PeanutError:
        return


def _track_with_retries(
    client: PeanutClient,
    edit: edits_pb2.Edit,
    target: edits_pb2.Target,
    output: Output,
    p_mask: str,
) -> None:
    """Track, and again when the worker had to be restarted meanwhile."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _track(client, edit, target, output, p_mask)
            return
        except PeanutError as error:
            if not error.retryable or attempt == _ATTEMPTS:
                raise
            output.warning(f"tracking starts again: {error.message}")
            time.sleep(_PAUSE_S * attempt)


def _track(
    client: PeanutClient,
    edit: edits_pb2.Edit,
    target: edits_pb2.Target,
    output: Output,
    p_mask: str,
) -> None:
    total = edit.range.end_frame - edit.range.start_frame
    done: set[int] = set()
    lost: set[int] = set()
    started = time.monotonic()
    try:
        with output.bar("tracking") as bar:
            bar.show(f"tracking 0/{total} frames", 0, total)
            for response in client.track_masks(edit.id, [target], p_mask=p_mask):
                if response.HasField("mask"):
                    _take(response.mask, done, lost)
                    bar.show(f"tracking {len(done)}/{total} frames", len(done), total)
                    output.event("tracking", frames_done=len(done), frames_total=total)
    except KeyboardInterrupt as error:
        raise InterruptedByUserError(
            f"stopped by Ctrl-C while tracking, after {len(done)} of {total} frames"
        ) from error
    output.note(f"tracked {total} frames in {time.monotonic() - started:.1f} s")
    if lost:
        output.warning(
            f"the object was not found on {len(lost)} of {total} frames ({_runs(lost)}): "
            "if it is there, add a --point or --box with @FRAME on one of them"
        )


def _take(mask: masks_pb2.MaskFrame, done: set[int], lost: set[int]) -> None:
    done.add(mask.frame_index)
    lost.discard(mask.frame_index)
    if mask.confidence <= 0:
        lost.add(mask.frame_index)


def _runs(frames: set[int]) -> str:
    """Frame numbers as runs, such as `12-18, 40`; not more than a line of them."""
    runs: list[list[int]] = []
    for frame in sorted(frames):
        if runs and frame == runs[-1][1] + 1:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    words = [f"{a}" if a == b else f"{a}-{b}" for a, b in runs]
    return ", ".join(words[:6]) + (", ..." if len(words) > 6 else "")
