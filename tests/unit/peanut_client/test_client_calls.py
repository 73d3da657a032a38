from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from support.fake_daemon import FRAME_COUNT, FakeDaemon, FakeService

import peanut_client
from peanut.v1 import edits_pb2, jobs_pb2
from peanut_client import DaemonUnavailableError, PeanutClient, Settings, frame_range


def test_public_names_are_sorted_and_exist() -> None:
    names = peanut_client.__all__
    constants = [name for name in names if name.isupper()]
    classes = [name for name in names if not name.isupper() and name[0].isupper()]
    functions = [name for name in names if name[0].islower()]
    assert names == sorted(constants) + sorted(classes) + sorted(functions)
    assert all(hasattr(peanut_client, name) for name in names)


def test_range_travels_only_when_given(service: FakeService, settings: Settings) -> None:
    with PeanutClient(settings=settings) as client:
        whole = client.create_edit("/clip.mov")
        part = client.create_edit("/clip.mov", frame_range(3, 6))
    asked = service.named("CreateEdit")
    assert not asked[0].clip_range.HasField("range")
    assert (whole.range.start_frame, whole.range.end_frame) == (0, FRAME_COUNT)
    assert (part.range.start_frame, part.range.end_frame) == (3, 6)


def test_tracking_draws_targets_one_by_one(service: FakeService, settings: Settings) -> None:
    with PeanutClient(settings=settings) as client:
        edit = client.create_edit("/clip.mov")
        targets = (edits_pb2.Target(id=name) for name in ("1", "2"))
        answers = list(client.track_masks(edit.id, targets))
    assert sum(answer.HasField("mask") for answer in answers) == 2 * FRAME_COUNT
    assert [request.target_id for request in service.named("TrackMasks")] == ["1", "2"]


def test_leaving_the_loop_stops_the_tracking(service: FakeService, settings: Settings) -> None:
    reached = threading.Event()
    service.on_fourth_mask = reached.set
    with PeanutClient(settings=settings) as client:
        edit = client.create_edit("/clip.mov")
        stream = client.track_masks(edit.id, [edits_pb2.Target(id="1")])
        next(stream)
        stream.close()  # type: ignore[attr-defined]
        assert client.get_edit(edit.id).id == edit.id


def test_watching_ends_with_the_job(service: FakeService, settings: Settings) -> None:
    with PeanutClient(settings=settings) as client:
        job = client.start_render("edit1", "/out.mkv")
        seen = list(client.watch_job(job.id))
    assert seen[0].state == jobs_pb2.JOB_STATE_QUEUED
    assert seen[-1].state == jobs_pb2.JOB_STATE_SUCCEEDED


def test_watching_survives_a_restart_of_the_daemon(daemon: FakeDaemon, settings: Settings) -> None:
    service = daemon.service
    successors: list[FakeDaemon] = []

    def restart() -> None:
        service.on_second_window = lambda: None
        daemon.stop()
        # New token and port, as after a real start; the jobs are the same.
        successors.append(FakeDaemon(settings.data_dir, token="newer", service=service))
        service.endless_jobs = False
        successors[0].start()

    service.on_second_window = lambda: threading.Thread(target=restart).start()
    service.endless_jobs = True
    try:
        with PeanutClient(start=False, settings=settings) as client:
            job = client.start_render("edit1", "/out.mkv")
            seen = list(client.watch_job(job.id))
        assert seen[-1].state == jobs_pb2.JOB_STATE_SUCCEEDED
        assert len(service.named("WatchJob")) == 2
    finally:
        for successor in successors:
            successor.stop()


def test_watching_gives_up_when_the_daemon_stays_away(
    daemon: FakeDaemon, settings: Settings
) -> None:
    settings = replace(settings, reconnect_timeout_s=0.5)
    daemon.service.endless_jobs = True
    daemon.service.on_second_window = lambda: threading.Thread(target=daemon.stop).start()
    with PeanutClient(start=False, settings=settings) as client:
        job = client.start_render("edit1", "/out.mkv")
        with pytest.raises(DaemonUnavailableError):
            list(client.watch_job(job.id))
