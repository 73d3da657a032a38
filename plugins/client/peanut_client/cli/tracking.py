"""From prompts to masks, with a progress bar."""

from __future__ import annotations

import time
from pathlib import Path

from peanut.v1 import edits_pb2, frames_pb2, masks_pb2
from peanut_client.cli.clips import Reading, create_edit
from peanut_client.cli.failures import InterruptedByUserError
from peanut_client.cli.output import Output
from peanut_client.cli.prompts import Prompts
from peanut_client.client import PeanutClient
from peanut_client.errors import PeanutError

_ATTEMPTS = 3
_PAUSE_S = 1.0
_NAMES = {
    edits_pb2.TARGET_KIND_OBJECT: "object",
    edits_pb2.TARGET_KIND_EFFECT: "effect",
    edits_pb2.TARGET_KIND_HOLDOUT: "holdout",
}


def tracked_edit(
    client: PeanutClient,
    clip: Path,
    frames: frames_pb2.FrameRange | None,
    prompts: Prompts,
    output: Output,
    *,
    p_mask: str = "",
    reading: Reading | None = None,
) -> edits_pb2.Edit:
    """Make an edit and track its targets; nothing of it stays when that fails.

    Raises:
        PeanutError: clip, range or prompts are refused.
        InterruptedByUserError: Ctrl-C.
    """
    edit = create_edit(client, clip, frames, reading)
    output.event("edit", edit_id=edit.id)
    try:
        targets = prompts.targets(edit.range, client.server.limits.max_message_bytes)
        _track_with_retries(client, edit, targets, output, p_mask)
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
    targets: list[edits_pb2.Target],
    output: Output,
    p_mask: str,
) -> None:
    """Track, and again when the worker had to be restarted meanwhile."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _track(client, edit, targets, output, p_mask)
            return
        except PeanutError as error:
            if not error.retryable or attempt == _ATTEMPTS:
                raise
            output.warning(f"tracking starts again: {error.message}")
            time.sleep(_PAUSE_S * attempt)


def _track(
    client: PeanutClient,
    edit: edits_pb2.Edit,
    targets: list[edits_pb2.Target],
    output: Output,
    p_mask: str,
) -> None:
    frames = edit.range.end_frame - edit.range.start_frame
    total = frames * len(targets)
    done: set[tuple[str, int]] = set()
    lost: set[tuple[str, int]] = set()
    started = time.monotonic()
    try:
        with output.bar("tracking") as bar:
            bar.show(f"tracking 0/{total} frames", 0, total)
            for response in client.track_masks(edit.id, targets, p_mask=p_mask):
                if response.HasField("mask"):
                    _take(response.mask, done, lost)
                    bar.show(f"tracking {len(done)}/{total} frames", len(done), total)
                    output.event("tracking", frames_done=len(done), frames_total=total)
    except KeyboardInterrupt as error:
        raise InterruptedByUserError(
            f"stopped by Ctrl-C while tracking, after {len(done)} of {total} frames"
        ) from error
    output.note(f"tracked {frames} frames in {time.monotonic() - started:.1f} s")
    for target in targets:
        where = {frame for target_id, frame in lost if target_id == target.id}
        if where:
            output.warning(
                f"the {_NAMES[target.kind]} was not found on {len(where)} of {frames} frames "
                f"({_runs(where)}): if it is there, say where with @FRAME on one of them"
            )


def _take(
    mask: masks_pb2.MaskFrame, done: set[tuple[str, int]], lost: set[tuple[str, int]]
) -> None:
    key = mask.target_id, mask.frame_index
    done.add(key)
    lost.discard(key)
    if mask.confidence <= 0:
        lost.add(key)


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
