"""The workers of one daemon: one per device, or as many as the settings say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from peanut_daemon.metrics import WorkerFigures
from peanut_daemon.worker.devices import ALL, AUTO, Device, placements
from peanut_daemon.worker.messages import WorkerOptions
from peanut_daemon.worker.process import WorkerProcess


@dataclass(slots=True)
class PooledWorker:
    """A worker with what it has to do.

    Attributes:
        process: talks to it.
        device: where its networks run; as the setting says it while nobody has looked.
        work_id: the task or job that it is busy with; empty: it is idle.
        job_id: the same if it is a job.
        last_id: what it was busy with last: the models for that are loaded in it.
    """

    process: WorkerProcess
    device: str
    work_id: str = ""
    job_id: str = ""
    last_id: str = ""

    def take(self, work_id: str, *, is_job: bool) -> None:
        """Note what it is busy with."""
        self.work_id = self.last_id = work_id
        self.job_id = work_id if is_job else ""

    def give_back(self) -> None:
        """Note that it is idle."""
        self.work_id = self.job_id = ""


class WorkerPool:
    """All workers. Only the first is started at once; the others when there is work for them.

    Which devices there are is only known when the first worker has looked, so the others are
    made after its start.

    Args:
        options: of each worker; `device` is the setting, see `placements`.
        per_device: workers on each device.
    """

    def __init__(self, options: WorkerOptions, *, per_device: int = 1) -> None:
        self._options = options
        self._per_device = per_device
        first = placements(options.device, (), per_device)[0]
        self._workers = [self._make(first)]
        self._complete = False

    @property
    def workers(self) -> Sequence[PooledWorker]:
        """Every worker there is or may be."""
        if not self._complete and self.devices:
            places = placements(self._options.device, self.devices, self._per_device)
            self._workers[0].device = places[0]
            self._workers += [self._make(device) for device in places[1:]]
            self._complete = True
        return self._workers

    @property
    def devices(self) -> tuple[Device, ...]:
        """What there is to run on; empty until the first worker has started."""
        return self._workers[0].process.devices

    @property
    def ready(self) -> bool:
        """Whether a worker could be given work now."""
        return any(not worker.work_id for worker in self.workers)

    def idle(self, work_id: str) -> PooledWorker:
        """An idle worker, if possible the one that has worked on that before.

        There must be one, see `ready`.
        """
        idle = [worker for worker in self.workers if not worker.work_id]
        return next((worker for worker in idle if worker.last_id == work_id), idle[0])

    def busy_with(self, work_id: str) -> list[PooledWorker]:
        """The workers that a task or job has now."""
        return [worker for worker in self.workers if worker.work_id == work_id]

    def figures(self) -> list[WorkerFigures]:
        """What metrics say of each worker."""
        return [
            WorkerFigures(
                number=number,
                device=worker.device,
                up=bool(worker.process.pid),
                busy=bool(worker.work_id),
                restarts=max(0, worker.process.restarts),
                model_bytes=sum(model.size_bytes for model in worker.process.loaded),
            )
            for number, worker in enumerate(self.workers)
        ]

    async def start(self) -> None:
        """Start the first worker.

        Raises:
            WorkerDiedError: it ended before it was ready.
        """
        await self._workers[0].process.ensure_started()

    def close(self) -> None:
        """End all workers now; whatever they have committed stays."""
        for worker in self._workers:
            worker.process.close()

    def _make(self, device: str) -> PooledWorker:
        options = replace(self._options, device=AUTO if device == ALL else device)
        return PooledWorker(WorkerProcess(options), device)
