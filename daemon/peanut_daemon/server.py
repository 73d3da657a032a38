"""Wiring: journal, worker, scheduler, services; start, signals, drain."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import cast

import grpc
from filelock import FileLock, Timeout
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

import peanut_daemon
from peanut.v1 import (
    edits_pb2,
    edits_pb2_grpc,
    hosts_pb2,
    hosts_pb2_grpc,
    jobs_pb2,
    jobs_pb2_grpc,
    masks_pb2,
    masks_pb2_grpc,
    models_pb2,
    models_pb2_grpc,
    renders_pb2,
    renders_pb2_grpc,
    server_pb2,
    server_pb2_grpc,
    store_pb2,
    store_pb2_grpc,
)
from peanut_daemon.config import API_MINOR_HIGHEST, Settings
from peanut_daemon.edits.store import EditStore
from peanut_daemon.errors import FolderInUseError
from peanut_daemon.guard import access, listening
from peanut_daemon.guard.apart import Apart
from peanut_daemon.hosts.pictures import HostPictures
from peanut_daemon.hosts.regions import Regions
from peanut_daemon.hosts.sessions import HostSessions
from peanut_daemon.hosts.transfer import TransferFolder
from peanut_daemon.jobs.dispatcher import Dispatcher
from peanut_daemon.jobs.facts import machine_of
from peanut_daemon.jobs.housekeeping import Housekeeping
from peanut_daemon.jobs.renders import Renders
from peanut_daemon.jobs.scheduler import Lane, Scheduler
from peanut_daemon.jobs.store import JobStore
from peanut_daemon.jobs.tracking import Tracking
from peanut_daemon.journal.database import open_database
from peanut_daemon.media.atomic import output_error, write_private
from peanut_daemon.metrics import Metrics, WorkerFigures
from peanut_daemon.review.server import ReviewServer
from peanut_daemon.services.edits import EditService
from peanut_daemon.services.hosts import HostService
from peanut_daemon.services.masks import MaskService
from peanut_daemon.services.renders import JobService, RenderService
from peanut_daemon.services.server import ModelService, ServerService
from peanut_daemon.services.store import StoreService
from peanut_daemon.worker.messages import WorkerOptions
from peanut_daemon.worker.pool import WorkerPool
from peanut_daemon.worker.process import WorkerDiedError
from peanut_daemon.worker.store import ArtifactStore
from peanut_models.zoo import ModelStore

logger = logging.getLogger(__name__)

# Calls in flight get this long to end by themselves when the daemon stops.
GRACE_S = 2.0
# Prometheus gives up after ten seconds by default.
SCRAPE_TIMEOUT_S = 5.0
# Processes that look at files of clients at once; a slow disk must not hold up everybody.
LOOKERS = 4


async def serve(settings: Settings) -> None:
    """Run one daemon until it is told to stop.

    Raises:
        FolderInUseError: another daemon has this data folder.
        InvalidRequestError: the port is taken, or a certificate or its folders are missing.
        ExposedFilesError: other users can reach the daemon's files.
    """
    access.check_listen(settings)
    access.secure_folder(settings.data_dir)
    with only_daemon_of(settings.data_dir):
        try:
            settings.store_dir.mkdir(exist_ok=True)
        except OSError as error:
            raise output_error(error, settings.store_dir) from error
        await _Daemon(settings).run()


@contextlib.contextmanager
def only_daemon_of(data_dir: Path) -> Iterator[None]:
    """Hold a data folder while the block runs.

    Raises:
        FolderInUseError: another daemon has it.
        DiskFullError, OutputNotWritableError: its lock cannot be made.
    """
    lock = FileLock(data_dir / "daemon.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise FolderInUseError(
            f"another daemon uses the data folder {data_dir}: stop it with `peanut stop`, "
            "or give another folder with --data-dir"
        ) from None
    except OSError as error:
        raise output_error(error, data_dir / "daemon.lock") from error
    with lock:
        yield


class _Daemon:
    """Everything that lives as long as the daemon does."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = asyncio.Event()
        self._address = ""
        # Clients elsewhere have a copy; local ones read it anew from the connection file.
        self._token = (
            access.kept_token(settings.data_dir / "token")
            if settings.listen
            else secrets.token_urlsafe(32)
        )
        database = open_database(settings.data_dir / "journal.db")
        self._database = database
        self._edits, self._jobs = EditStore(database), JobStore(database)
        self._workers = WorkerPool(
            WorkerOptions(
                store_dir=settings.store_dir,
                models_dir=settings.models_dir,
                device=settings.device,
                log_level=settings.log_level,
                roots=settings.roots,
                log_format=settings.log_format,
                keep_alive_s=settings.keep_alive_s,
                host_memory_bytes=settings.host_memory_bytes,
            ),
            per_device=settings.workers,
        )
        self._metrics = Metrics()
        self._transfer = TransferFolder(settings.data_dir)
        self._apart = Apart(timeout_s=settings.probe_timeout_s, processes=LOOKERS)
        # One, since its open files are what makes the next frame quick.
        self._player = Apart(timeout_s=settings.probe_timeout_s, processes=1)
        self._scheduler = Scheduler(
            max_queued=settings.max_queued_jobs,
            max_tasks=settings.max_queued_tasks,
            max_attempts=settings.max_attempts,
            clock=time.monotonic,
        )
        self._dispatcher = Dispatcher(
            workers=self._workers,
            scheduler=self._scheduler,
            jobs=self._jobs,
            edits=self._edits,
            artifacts=ArtifactStore(settings.store_dir),
            metrics=self._metrics,
        )
        self._housekeeping = Housekeeping(
            settings,
            database,
            edits=self._edits,
            jobs=self._jobs,
            artifacts=ArtifactStore(settings.store_dir),
        )

    async def run(self) -> None:
        self._transfer.open()
        server = self._server()
        address = listening.listen(server, self._settings)
        self._catch_signals()
        self._dispatcher.recover()
        close_metrics = self._serve_metrics()
        await self._start_worker()
        await server.start()
        await self._review.start()
        loop = asyncio.create_task(self._dispatcher.run())
        loop.add_done_callback(lambda _: self._stop.set())
        housekeeping = asyncio.create_task(self._housekeeping.run())
        self._address = address
        self._write_connection_file()
        logger.info("listening on %s, data in %s", address, self._settings.data_dir)
        try:
            await self._stop.wait()
        finally:
            logger.info("stopping")
            self._settings.connection_file.unlink(missing_ok=True)
            housekeeping.cancel()
            await self._review.stop()
            await self._dispatcher.stop()
            await server.stop(GRACE_S)
            await loop
            self._apart.close()
            self._player.close()
            close_metrics()
            self._transfer.close()
            self._database.close()

    def _serve_metrics(self) -> Callable[[], None]:
        loop = asyncio.get_running_loop()

        async def figures() -> list[WorkerFigures]:
            return self._workers.figures()

        def ask() -> list[WorkerFigures]:
            # From the thread that answers Prometheus; the workers belong to the loop's.
            return asyncio.run_coroutine_threadsafe(figures(), loop).result(SCRAPE_TIMEOUT_S)

        lanes = {lane.value: partial(self._scheduler.waiting, lane) for lane in Lane}
        self._metrics.look_at(lanes, ask)
        port = self._settings.metrics_port
        return self._metrics.serve(port) if port else lambda: None

    async def _start_worker(self) -> None:
        # Before the daemon says that it listens, so that the first call sees the devices.
        try:
            await self._workers.start()
        except WorkerDiedError:
            logger.warning("the worker did not start; it is tried again when it is needed")

    def _server(self) -> grpc.aio.Server:
        limit = self._settings.max_message_bytes
        server = grpc.aio.server(
            interceptors=[listening.guard(self._settings, self._token, self._metrics.refused)],
            options=[
                ("grpc.max_receive_message_length", limit),
                ("grpc.max_send_message_length", limit),
                # Two daemons on one port would share the calls between them.
                ("grpc.so_reuseport", 0),
            ],
        )
        renders = Renders(
            settings=self._settings,
            edits=self._edits,
            jobs=self._jobs,
            scheduler=self._scheduler,
            dispatcher=self._dispatcher,
            devices=lambda: self._workers.devices,
        )
        tracking = Tracking(
            self._edits,
            self._dispatcher,
            models=ModelStore(self._settings.models_dir),
            model=self._settings.p_mask,
            working_long_side_px=self._settings.working_long_side_px,
            machine=lambda: machine_of(
                self._settings, self._workers.devices, self._settings.data_dir
            ),
        )
        self._review = self._review_server(tracking, renders)
        server_pb2_grpc.add_ServerServiceServicer_to_server(
            ServerService(self._settings, self._workers, self._dispatcher, self._stop.set), server
        )
        models_pb2_grpc.add_ModelServiceServicer_to_server(
            ModelService(ModelStore(self._settings.models_dir)), server
        )
        edits_pb2_grpc.add_EditServiceServicer_to_server(
            EditService(
                self._edits,
                self._jobs,
                self._apart,
                self._settings.roots,
                max_edits=self._settings.max_edits,
            ),
            server,
        )
        masks_pb2_grpc.add_MaskServiceServicer_to_server(
            MaskService(self._edits, tracking, self._apart), server
        )
        renders_pb2_grpc.add_RenderServiceServicer_to_server(
            RenderService(renders, self._dispatcher, self._apart, self._settings.roots), server
        )
        jobs_pb2_grpc.add_JobServiceServicer_to_server(
            JobService(self._jobs, renders, self._dispatcher), server
        )
        hosts_pb2_grpc.add_HostServiceServicer_to_server(self._host_service(renders), server)
        store_pb2_grpc.add_StoreServiceServicer_to_server(
            StoreService(self._settings.store_dir, self._housekeeping), server
        )
        _add_health_and_reflection(server)
        return cast(grpc.aio.Server, server)

    def _review_server(self, tracking: Tracking, renders: Renders) -> ReviewServer:
        return ReviewServer(
            kept_file=self._settings.data_dir / "review.json",
            max_request_bytes=self._settings.max_message_bytes,
            long_side_px=self._settings.review_long_side_px,
            decode_timeout_s=self._settings.probe_timeout_s,
            edits=self._edits,
            jobs=self._jobs,
            tracking=tracking,
            renders=renders,
            dispatcher=self._dispatcher,
            on_address=self._write_connection_file,
        )

    def _host_service(self, renders: Renders) -> HostService:
        sessions = HostSessions(
            self._settings.data_dir / "hosts",
            self._transfer,
            min_free_bytes=self._settings.min_free_disk_bytes,
        )
        sessions.remove_given_up()
        pictures = HostPictures(self._edits, self._jobs, renders, self._player)
        return HostService(sessions, pictures, self._transfer, Regions(self._transfer))

    def _write_connection_file(self) -> None:
        """Tell clients where to call and with which token; readable by this user alone."""
        content = {
            "address": self._address,
            "review_address": self._review.address,
            "token": self._token,
            "pid": os.getpid(),
            "version": peanut_daemon.__version__,
            "api_minor": API_MINOR_HIGHEST,
        }
        write_private(self._settings.connection_file, json.dumps(content))

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C raises instead
                loop.add_signal_handler(number, self._stop.set)


def _add_health_and_reflection(server: grpc.aio.Server) -> None:
    services = [
        module.DESCRIPTOR.services_by_name[name].full_name
        for module in (
            server_pb2,
            models_pb2,
            edits_pb2,
            masks_pb2,
            renders_pb2,
            jobs_pb2,
            hosts_pb2,
            store_pb2,
        )
        for name in module.DESCRIPTOR.services_by_name
    ]
    servicer = health.aio.HealthServicer()  # type: ignore[attr-defined]
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    reflection.enable_server_reflection(
        [*services, health.SERVICE_NAME, reflection.SERVICE_NAME], server
    )
