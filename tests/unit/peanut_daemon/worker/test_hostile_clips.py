"""A clip that hangs the decoder, or leads elsewhere since the request, in the worker itself."""

import multiprocessing
import sys

import pytest
from support import hanging_worker
from support.scenes import make_square_clip

from peanut_daemon.deliverable import ChosenModel
from peanut_daemon.edits.model import Point
from peanut_daemon.guard.roots import Roots
from peanut_daemon.media import probe
from peanut_daemon.worker.main import run_worker
from peanut_daemon.worker.messages import (
    Failed,
    Ready,
    Said,
    Start,
    TrackedTarget,
    TrackTask,
    WorkerOptions,
)
from peanut_models.ranges import FrameRange


def track_task(clip):
    target = TrackedTarget(
        target_id="1",
        frames=FrameRange(0, 2),
        prompts=(Point(frame_index=0, x_px=20, y_px=20, positive=True),),
        text="",
        held={},
        before={},
    )
    return TrackTask(
        clip=clip,
        targets=(target,),
        playhead=None,
        tracker=ChosenModel("embedded/masks"),
        working_long_side_px=64,
    )


def last_words(run, tmp_path, roots, task):
    """What a worker says last to a task, and whether it lives on."""
    options = WorkerOptions(
        store_dir=tmp_path / "store",
        models_dir=tmp_path / "models",
        device="cpu",
        log_level="ERROR",
        roots=roots,
    )
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=run, args=(theirs, options), daemon=True)
    process.start()
    theirs.close()
    try:
        assert isinstance(ours.recv(), Ready)
        ours.send(Start(1, task))
        while not (isinstance(said := ours.recv(), Said) and isinstance(said.event, Failed)):
            pass
        process.join(0 if run is run_worker else 20)
        return said.event, process.is_alive()
    finally:
        process.kill()
        process.join()


def test_a_decoder_that_hangs_is_told_by_name_and_ends_with_its_process(tmp_path):
    clip = make_square_clip(tmp_path / "a.mov", frames=2)
    roots = Roots(private=tmp_path / "data")
    event, alive = last_words(hanging_worker.run, tmp_path, roots, track_task(probe(clip)))
    assert (event.reason, event.expected) == ("MediaTimeoutError", True)
    assert f"frame 0 of {clip} took longer than 0.2 s" in event.message
    assert not alive


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX links")
def test_a_clip_that_became_a_link_to_elsewhere_is_refused(tmp_path):
    (tmp_path / "media").mkdir()
    roots = Roots(private=tmp_path / "data", allowed=(tmp_path / "media",))
    clip = probe(make_square_clip(tmp_path / "media" / "a.mov", frames=2))
    roots.checked_input(clip.path)
    clip.path.rename(tmp_path / "elsewhere.mov")
    clip.path.symlink_to(tmp_path / "elsewhere.mov")
    event, alive = last_words(run_worker, tmp_path, roots, track_task(clip))
    assert (event.reason, event.expected) == ("PathRefusedError", True)
    assert alive
