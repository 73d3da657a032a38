"""ServerService and ModelService."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import peanut_daemon
from peanut.v1 import models_pb2, models_pb2_grpc, server_pb2, server_pb2_grpc
from peanut_daemon import convert
from peanut_daemon.config import (
    API_MINOR_HIGHEST,
    API_MINOR_LOWEST,
    USUAL_WINDOW_FRAMES,
    Settings,
)
from peanut_daemon.errors import VersionMismatchError
from peanut_daemon.jobs.dispatcher import Dispatcher, InteractiveTask
from peanut_daemon.worker.pool import PooledWorker, WorkerPool
from peanut_daemon.worker.residency import Resident
from peanut_models.zoo import CARDS, PROFILES, ModelStore


class ServerService(server_pb2_grpc.ServerServiceServicer):
    """The daemon itself: what it is, and its end."""

    def __init__(
        self,
        settings: Settings,
        workers: WorkerPool,
        dispatcher: Dispatcher,
        shut_down: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._dispatcher = dispatcher
        self._workers = workers
        self._shut_down = shut_down
        self._models = ModelStore(settings.models_dir)

    async def GetServerInfo(  # noqa: N802
        self, request: server_pb2.GetServerInfoRequest, context: Any
    ) -> server_pb2.GetServerInfoResponse:
        """Say what this daemon is and can do."""
        if request.api_minor and not API_MINOR_LOWEST <= request.api_minor <= API_MINOR_HIGHEST:
            raise VersionMismatchError(
                f"the client speaks API minor {request.api_minor}, this daemon "
                f"{API_MINOR_LOWEST} to {API_MINOR_HIGHEST}: update the older of the two"
            )
        settings = self._settings
        return server_pb2.GetServerInfoResponse(
            version=peanut_daemon.__version__,
            api_minor_lowest=API_MINOR_LOWEST,
            api_minor_highest=API_MINOR_HIGHEST,
            devices=[
                server_pb2.Device(name=name, description=description, memory_bytes=memory_bytes)
                for name, description, memory_bytes in self._workers.devices
            ],
            profiles=[
                server_pb2.Profile(
                    name=profile.name,
                    p_mask=profile.p_mask,
                    nof_eraser=profile.nof_eraser,
                    ur_net=profile.ur_net,
                    ready=all(self._models.ready(card) for card in profile.cards()),
                )
                for profile in PROFILES
            ],
            limits=server_pb2.Limits(
                max_queued_jobs=settings.max_queued_jobs,
                max_message_bytes=settings.max_message_bytes,
                working_long_side_px=settings.working_long_side_px,
                window_frames=settings.window_frames or USUAL_WINDOW_FRAMES,
            ),
            worker=self._worker(self._workers.workers[0]),
            data_dir=str(settings.data_dir),
            workers=[self._worker(worker) for worker in self._workers.workers],
            tasks=[_task(task) for task in self._dispatcher.tasks()],
        )

    def _worker(self, worker: PooledWorker) -> server_pb2.Worker:
        process = worker.process
        return server_pb2.Worker(
            ready=bool(process.pid),
            pid=process.pid,
            restarts=max(0, process.restarts),
            device=worker.device,
            job_id=worker.job_id,
            models=[self._loaded(model) for model in process.loaded],
            busy=bool(worker.work_id),
        )

    def _loaded(self, model: Resident) -> server_pb2.LoadedModel:
        keep_alive_s = self._settings.keep_alive_s
        stays = keep_alive_s < 0
        return server_pb2.LoadedModel(
            name=model.name,
            device=model.device,
            size_bytes=model.size_bytes,
            expires_at=None if stays else convert.timestamp(model.used_at_s + keep_alive_s),
        )

    async def Shutdown(  # noqa: N802
        self, request: server_pb2.ShutdownRequest, context: Any
    ) -> server_pb2.ShutdownResponse:
        """Let the daemon end."""
        self._shut_down()
        return server_pb2.ShutdownResponse()


def _task(task: InteractiveTask) -> server_pb2.Task:
    return server_pb2.Task(
        kind=task.kind,
        client=task.client,
        running=task.running,
        age_s=time.monotonic() - task.asked_at_s,
    )


class ModelService(models_pb2_grpc.ModelServiceServicer):
    """Models: list."""

    def __init__(self, models: ModelStore) -> None:
        self._models = models

    async def ListModels(  # noqa: N802
        self, request: models_pb2.ListModelsRequest, context: Any
    ) -> models_pb2.ListModelsResponse:
        """Return all cards."""
        return models_pb2.ListModelsResponse(
            models=[convert.from_card(card, self._models) for card in CARDS]
        )
