"""Pieces of work on several workers, without processes: who gets what, and how pieces end."""

import asyncio
import contextlib
import itertools
from collections import Counter
from dataclasses import replace

import pytest
from support.clips import make_clip

from peanut_daemon import context
from peanut_daemon.deliverable import ChosenModel, Codec, Deliverable, RenderSettings
from peanut_daemon.edits.model import MaskFrame, Point, Target
from peanut_daemon.edits.store import EditStore
from peanut_daemon.errors import QueueFullError
from peanut_daemon.jobs.dispatcher import Dispatcher
from peanut_daemon.jobs.model import JobState
from peanut_daemon.jobs.scheduler import Scheduler
from peanut_daemon.jobs.store import JobStore
from peanut_daemon.journal.database import open_database
from peanut_daemon.media import probe
from peanut_daemon.metrics import Metrics
from peanut_daemon.worker.messages import (
    Advanced,
    Cancelled,
    Committed,
    EncodeTask,
    Failed,
    Finished,
    PictureTask,
    PlateTask,
    Shortage,
    UpscaleTask,
)
from peanut_daemon.worker.pool import PooledWorker
from peanut_daemon.worker.process import WorkerDiedError
from peanut_daemon.worker.store import ArtifactStore
from peanut_models.ranges import FrameRange

FRAMES = FrameRange(0, 12)
SECONDS = {"fill": 2.0, "decode": 1.0}


class FakeProcess:
    """Does what it is told at once, but lets others work between two frames."""

    def __init__(self, house):
        self._house = house
        self._cancelled = False

    async def run(self, task, *, job_id="", client=""):
        self._cancelled = False
        self._house.started.append((client, task))
        self._house.under_way[job_id] += 1
        self._house.most_at_once = max(self._house.most_at_once, self._house.under_way.total())
        try:
            for frames in (1, 2):
                await asyncio.sleep(0)
                await self._house.may_go_on.wait()
                if self._house.deaths:
                    self._house.deaths -= 1
                    raise WorkerDiedError
                if self._cancelled:
                    yield Cancelled()
                    return
                yield Advanced(frames)
            if isinstance(task, PlateTask) and len(task.window.core) > self._house.fitting_frames:
                core = (task.window.core.start, task.window.core.end)
                short = Shortage(stage="plate", frames=core, remedy="freed", message="2 GiB")
                yield short
                yield Failed(
                    "OutOfDeviceMemoryError",
                    "memory ran out",
                    expected=True,
                    shortage=replace(short, remedy="window"),
                )
                return
            if isinstance(task, PlateTask | UpscaleTask):
                self._house.check_that_inputs_are_there(task)
                self._house.committed.append(task.key)
                yield Committed(task.key, 1, "sha")
            yield Finished(SECONDS)
        finally:
            self._house.under_way[job_id] -= 1

    def cancel_current(self):
        self._cancelled = True


class FakeWorkers:
    def __init__(self, house, count):
        self.workers = [PooledWorker(FakeProcess(house), "cpu") for _ in range(count)]

    @property
    def ready(self):
        return any(not worker.work_id for worker in self.workers)

    def idle(self, work_id):
        return next(worker for worker in self.workers if not worker.work_id)

    def busy_with(self, work_id):
        return [worker for worker in self.workers if worker.work_id == work_id]

    def close(self):
        pass


class House:
    """A dispatcher with its stores and as many workers as wanted."""

    def __init__(self, folder, clip, workers=1):
        self.database = open_database(folder / "journal.db")
        self.edits, self.jobs = EditStore(self.database), JobStore(self.database)
        self.started, self.committed = [], []
        self.under_way, self.most_at_once, self.deaths = Counter(), 0, 0
        self.fitting_frames = 1000
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self._folder, self._clip = folder, clip
        self._outputs = itertools.count()
        self.dispatcher = Dispatcher(
            workers=FakeWorkers(self, workers),
            scheduler=Scheduler(
                max_queued=64,
                max_tasks=4,
                max_attempts=3,
                # Far apart, so that no pause after a death has to be waited for.
                clock=itertools.count(step=20).__next__,
            ),
            jobs=self.jobs,
            edits=self.edits,
            artifacts=ArtifactStore(folder),
            metrics=Metrics(),
        )

    def queue(self, client, *, deliverable=Deliverable.FULL, window_frames=4):
        """Another render of another edit."""
        edit = self.edits.create(self._clip, FRAMES)
        point = Point(frame_index=0, x_px=next(self._outputs) % 64, y_px=4, positive=True)
        self.edits.targets.revise(edit.id, Target(id="1", name="", prompts=(point,)), FRAMES)
        for k in FRAMES:
            png = f"{edit.id}{k}".encode()
            mask = MaskFrame(target_id="1", frame_index=k, png=png, confidence=1.0)
            self.edits.targets.put_mask(edit.id, mask)
        approval = self.edits.approve(edit.id, 1, 1)
        settings = RenderSettings(
            profile="embedded",
            eraser=ChosenModel("embedded/propagation"),
            upscaler=ChosenModel("embedded/lanczos"),
            deliverable=deliverable,
            codec=Codec.FFV1,
            output_path=self._folder / f"{edit.id}.mkv",
            overwrite=False,
            matte_hash=approval.matte_hash,
            grow_px=1,
            feather_px=1,
            window_frames=window_frames,
            context_frames=1,
        )
        job = self.jobs.create(edit.id, settings, client)
        self.dispatcher.queue(job)
        return job.id

    async def ended(self, job_id):
        async for job in self.dispatcher.watch(job_id):
            last = job
        return last

    def check_that_inputs_are_there(self, task):
        needed = (
            [task.before_key] if isinstance(task, PlateTask) else [key for _, key in task.plates]
        )
        assert all(key in self.committed for key in needed if key)

    @contextlib.asynccontextmanager
    async def running(self):
        loop = asyncio.create_task(self.dispatcher.run())
        try:
            yield self
        finally:
            self.may_go_on.set()
            await self.dispatcher.stop()
            await loop
            self.database.close()


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return probe(make_clip(tmp_path_factory.mktemp("clips") / "a.mov", frames=len(FRAMES)))


@pytest.fixture
def house(tmp_path, clip):
    def build(**settings):
        return House(tmp_path, clip, **settings)

    return build


async def test_a_client_with_one_job_is_not_behind_another_with_many(house):
    async with house().running() as h:
        many = [h.queue("ann") for _ in range(5)]
        one = h.queue("bob")
        assert (await h.ended(one)).state is JobState.SUCCEEDED
        done = [job_id for job_id in many if h.jobs.get(job_id).state.ended]
        assert len(done) <= 1
        for job_id in many:
            assert (await h.ended(job_id)).state is JobState.SUCCEEDED
    by_client = [client for client, _ in h.started]
    assert by_client[:8] == ["ann", "bob"] * 4
    assert h.most_at_once == 1


async def test_two_workers_do_pieces_of_two_jobs_at_once_and_each_job_in_its_order(house):
    async with house(workers=2).running() as h:
        jobs = [h.queue("ann"), h.queue("ann")]
        for job_id in jobs:
            assert (await h.ended(job_id)).state is JobState.SUCCEEDED
    assert h.most_at_once == 2
    assert Counter(type(task) for _, task in h.started) == {PlateTask: 6, EncodeTask: 2}


async def test_pieces_of_one_job_run_beside_each_other_where_neither_needs_the_other(house):
    """An upscaled piece needs the plate after it, so it may run beside the plate after that."""
    async with house(workers=3).running() as h:
        job_id = h.queue("ann", deliverable=Deliverable.UPSCALED, window_frames=2)
        assert (await h.ended(job_id)).state is JobState.SUCCEEDED
    assert h.most_at_once > 1
    kinds = [type(task) for _, task in h.started]
    assert kinds.index(UpscaleTask) < len(kinds) - 1 - kinds[::-1].index(PlateTask)
    assert kinds[-1] is EncodeTask
    assert Counter(kinds) == {PlateTask: 6, UpscaleTask: 6, EncodeTask: 1}


async def test_a_click_goes_before_the_next_piece_of_a_render(house, clip):
    async with house().running() as h:
        h.may_go_on.clear()
        job_id = h.queue("ann")
        while not h.started:
            await asyncio.sleep(0)
        task = PictureTask(clip=clip, frame_range=FRAMES, plates=())
        with context.about(client="bob"):
            events = h.dispatcher.interactive(task)
            first = asyncio.create_task(anext(events))
            await asyncio.sleep(0)
        (waiting,) = h.dispatcher.tasks()
        assert (waiting.kind, waiting.client, waiting.running) == ("picture", "bob", False)
        h.may_go_on.set()
        await first
        assert [client for client, _ in h.started][:2] == ["ann", "bob"]
        assert [event async for event in events][-1] == Finished(SECONDS)
        assert h.dispatcher.tasks() == []
        await h.ended(job_id)


async def test_too_many_clicks_are_refused_and_leave_no_trace(house, clip):
    async with house().running() as h:
        h.may_go_on.clear()
        task = PictureTask(clip=clip, frame_range=FRAMES, plates=())
        streams = [h.dispatcher.interactive(task) for _ in range(5)]
        firsts = [asyncio.create_task(anext(stream)) for stream in streams]
        await asyncio.sleep(0)
        refused = [first for first in firsts if first.done()]
        assert len(refused) >= 1
        assert all(isinstance(first.exception(), QueueFullError) for first in refused)
        assert len(h.dispatcher.tasks()) == len(firsts) - len(refused)
        h.may_go_on.set()
        for first in firsts:
            if first not in refused:
                await first


async def test_cancelling_ends_all_pieces_of_a_job_and_a_resumed_job_goes_on(house):
    async with house(workers=3).running() as h:
        h.may_go_on.clear()
        job_id = h.queue("ann", deliverable=Deliverable.UPSCALED, window_frames=2)
        other = h.queue("ann")
        while len(h.started) < 2:
            await asyncio.sleep(0)
        h.dispatcher.cancel(job_id)
        h.may_go_on.set()
        assert (await h.ended(job_id)).state is JobState.CANCELLED
        assert (await h.ended(other)).state is JobState.SUCCEEDED
        h.dispatcher.queue(h.jobs.move(job_id, JobState.QUEUED))
        assert (await h.ended(job_id)).state is JobState.SUCCEEDED


async def test_a_death_costs_one_piece_of_one_job(house):
    async with house(workers=2).running() as h:
        h.deaths = 1
        jobs = [h.queue("ann"), h.queue("bob")]
        ended = [await h.ended(job_id) for job_id in jobs]
    assert [job.state for job in ended] == [JobState.SUCCEEDED] * 2
    assert sorted(job.retries for job in ended) == [0, 1]
    assert len(h.started) == 9


async def test_a_job_whose_worker_dies_every_time_fails_and_the_next_one_runs(house):
    async with house().running() as h:
        h.deaths = 3
        unlucky, next_one = h.queue("ann"), h.queue("ann")
        failed = await h.ended(unlucky)
        assert failed.state is JobState.FAILED
        assert failed.error.reason == "WorkerCrashedError"
        assert (await h.ended(next_one)).state is JobState.SUCCEEDED


async def test_where_the_time_went_is_kept_with_the_job_and_told_to_the_report(house):
    async with house().running() as h:
        job_id = h.queue("ann")
        ended = await h.ended(job_id)
        assert ended.progress.done == ended.progress.total == 2 * len(FRAMES)
        seconds = ended.seconds
    assert seconds["plate.fill"] == 3 * SECONDS["fill"]
    assert seconds["encode.decode"] == SECONDS["decode"]
    assert {"queue", "turns", "daemon"} <= seconds.keys()
    (encode,) = [task for _, task in h.started if isinstance(task, EncodeTask)]
    assert encode.facts["seconds"]["plate.decode"] == 3 * SECONDS["decode"]


async def test_what_an_ended_job_held_is_let_go(house):
    """Five hundred jobs must not make the daemon larger."""
    async with house().running() as h:
        for _ in range(3):
            await h.ended(h.queue("ann"))
        runner = h.dispatcher._renders
        kept = (runner._works, runner._idle_since_s, runner._cancel_wanted)
        assert [len(held) for held in kept] == [0, 0, 0]
        assert runner.watchers._events == {}


async def test_windows_that_do_not_fit_into_memory_are_cut_in_two_once_each(house):
    async with house().running() as h:
        h.fitting_frames = 2
        ended = await h.ended(h.queue("ann", deliverable=Deliverable.UPSCALED))
    assert ended.state is JobState.SUCCEEDED
    assert ended.settings.halved_windows == (0, 4, 8)
    assert [short.remedy for short in ended.shortages] == ["freed", "window"] * 3
    (encode,) = [task for _, task in h.started if isinstance(task, EncodeTask)]
    assert [(core.start, core.end) for core, _ in encode.plates] == [
        (k, k + 2) for k in range(0, 12, 2)
    ]
    assert [short["remedy"] for short in encode.facts["shortages"]] == ["freed", "window"] * 3
    assert ended.progress.done == ended.progress.total == 3 * len(FRAMES)


async def test_half_a_window_that_does_not_fit_either_fails_the_job(house):
    async with house().running() as h:
        h.fitting_frames = 1
        failed = await h.ended(h.queue("ann"))
        assert failed.error.reason == "OutOfDeviceMemoryError"
        # Resumed on a machine with more room, it goes on where it was, in the smaller windows.
        h.fitting_frames = 2
        h.dispatcher.queue(h.jobs.move(failed.id, JobState.QUEUED))
        resumed = await h.ended(failed.id)
    assert failed.state is JobState.FAILED
    assert resumed.state is JobState.SUCCEEDED
    assert resumed.settings.halved_windows[0] == failed.settings.halved_windows[0] == 0
