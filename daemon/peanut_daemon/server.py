"""Wiring: journal, worker, scheduler, services; start, signals, drain."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import signal
import sys
import tempfile
import time
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
)
from peanut_daemon.config import API_MINOR_HIGHEST, Settings
from peanut_daemon.database import open_database
from peanut_daemon.edits.store import EditStore
from peanut_daemon.errors import FolderInUseError, InvalidRequestError
from peanut_daemon.hosts.pictures import HostPictures
from peanut_daemon.hosts.sessions import HostSessions
from peanut_daemon.hosts.transfer import TransferFolder
from peanut_daemon.interceptors import GuardInterceptor
from peanut_daemon.jobs.dispatcher import Dispatcher
from peanut_daemon.jobs.renders import Renders
from peanut_daemon.jobs.scheduler import Scheduler
from peanut_daemon.jobs.store import JobStore
from peanut_daemon.jobs.tracking import Tracking
from peanut_daemon.services.edits import EditService
from peanut_daemon.services.hosts import HostService
from peanut_daemon.services.masks import MaskService
from peanut_daemon.services.renders import JobService, RenderService
from peanut_daemon.services.server import ModelService, ServerService
from peanut_daemon.worker.messages import WorkerOptions
from peanut_daemon.worker.process import WorkerDiedError, WorkerProcess
from peanut_daemon.worker.store import ArtifactStore
from peanut_models.zoo import ModelStore

logger = logging.getLogger(__name__)

# Calls in flight get this long to end by themselves when the daemon stops.
GRACE_S = 2.0
# The kernel's bound on the path of a Unix socket, with room for the terminating zero.
MAX_SOCKET_PATH = 100


async def serve(settings: Settings) -> None:
    """Run one daemon until it is told to stop.

    Raises:
        FolderInUseError: another daemon has this data folder.
        InvalidRequestError: the port is taken.
    """
    settings.store_dir.mkdir(parents=True, exist_ok=True)
    settings.data_dir.chmod(0o700)
    lock = FileLock(settings.data_dir / "daemon.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise FolderInUseError(
            f"another daemon uses the data folder {settings.data_dir}: stop it with `peanut stop`, "
            "or give another folder with --data-dir"
        ) from None
    with lock:
        await _Daemon(settings).run()


class _Daemon:
    """Everything that lives as long as the daemon does."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = asyncio.Event()
        self._token = secrets.token_urlsafe(32)
        database = open_database(settings.data_dir / "journal.db")
        self._database = database
        self._edits, self._jobs = EditStore(database), JobStore(database)
        self._worker = WorkerProcess(
            WorkerOptions(
                store_dir=settings.store_dir,
                models_dir=settings.models_dir,
                device=settings.device,
                log_level=settings.log_level,
            )
        )
        self._transfer = TransferFolder(settings.data_dir)
        self._scheduler = Scheduler(
            max_queued=settings.max_queued_jobs,
            max_attempts=settings.max_attempts,
            clock=time.monotonic,
        )
        self._dispatcher = Dispatcher(
            worker=self._worker,
            scheduler=self._scheduler,
            jobs=self._jobs,
            edits=self._edits,
            artifacts=ArtifactStore(settings.store_dir),
        )

    async def run(self) -> None:
        self._transfer.open()
        server = self._server()
        address = self._listen(server)
        self._catch_signals()
        self._dispatcher.recover()
        await self._start_worker()
        await server.start()
        loop = asyncio.create_task(self._dispatcher.run())
        loop.add_done_callback(lambda _: self._stop.set())
        self._write_connection_file(address)
        logger.info("listening on %s, data in %s", address, self._settings.data_dir)
        try:
            await self._stop.wait()
        finally:
            logger.info("stopping")
            self._settings.connection_file.unlink(missing_ok=True)
            await self._dispatcher.stop()
            await server.stop(GRACE_S)
            await loop
            self._transfer.close()
            self._database.close()

    async def _start_worker(self) -> None:
        # Before the daemon says that it listens, so that the first call sees the devices.
        try:
            await self._worker.ensure_started()
        except WorkerDiedError:
            logger.warning("the worker did not start; it is tried again when it is needed")

    def _server(self) -> grpc.aio.Server:
        limit = self._settings.max_message_bytes
        server = grpc.aio.server(
            interceptors=[GuardInterceptor(self._token)],
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
            devices=lambda: self._worker.devices,
        )
        tracking = Tracking(
            self._edits,
            self._dispatcher,
            models=ModelStore(self._settings.models_dir),
            model=self._settings.p_mask,
            working_long_side_px=self._settings.working_long_side_px,
        )
        server_pb2_grpc.add_ServerServiceServicer_to_server(
            ServerService(self._settings, self._worker, self._stop.set), server
        )
        models_pb2_grpc.add_ModelServiceServicer_to_server(
            ModelService(ModelStore(self._settings.models_dir)), server
        )
        edits_pb2_grpc.add_EditServiceServicer_to_server(
            EditService(self._edits, self._jobs), server
        )
        masks_pb2_grpc.add_MaskServiceServicer_to_server(MaskService(self._edits, tracking), server)
        renders_pb2_grpc.add_RenderServiceServicer_to_server(
            RenderService(renders, self._dispatcher), server
        )
        jobs_pb2_grpc.add_JobServiceServicer_to_server(
            JobService(self._jobs, renders, self._dispatcher), server
        )
        hosts_pb2_grpc.add_HostServiceServicer_to_server(self._host_service(renders), server)
        _add_health_and_reflection(server)
        return cast(grpc.aio.Server, server)

    def _host_service(self, renders: Renders) -> HostService:
        sessions = HostSessions(
            self._settings.data_dir / "hosts",
            self._transfer,
            min_free_bytes=self._settings.min_free_disk_bytes,
        )
        sessions.remove_given_up()
        return HostService(sessions, HostPictures(self._edits, self._jobs, renders), self._transfer)

    def _listen(self, server: grpc.aio.Server) -> str:
        if self._settings.port < 0 and (socket := _socket_path(self._settings.data_dir)):
            socket.unlink(missing_ok=True)
            address = f"unix:{socket}"
            server.add_insecure_port(address)
            return address
        port = max(0, self._settings.port)
        try:
            bound = server.add_insecure_port(f"127.0.0.1:{port}")
        except RuntimeError as error:
            raise InvalidRequestError(
                f"port {port} on 127.0.0.1 cannot be listened on: choose another with --port, "
                "or 0 for any free one"
            ) from error
        return f"127.0.0.1:{bound}"

    def _write_connection_file(self, address: str) -> None:
        """Tell clients where to call and with which token; readable by this user alone."""
        content = {
            "address": address,
            "token": self._token,
            "pid": os.getpid(),
            "version": peanut_daemon.__version__,
            "api_minor": API_MINOR_HIGHEST,
        }
        target = self._settings.connection_file
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".daemon-")  # mode 0600
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file)
        Path(name).replace(target)

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C raises instead
                loop.add_signal_handler(number, self._stop.set)


def _socket_path(data_dir: Path) -> Path | None:
    """Where the Unix socket goes; None where the system or its path limit forbids one."""
    if sys.platform == "win32":
        return None
    path = data_dir / "daemon.sock"
    return path if len(os.fsencode(path)) <= MAX_SOCKET_PATH else None


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
        )
        for name in module.DESCRIPTOR.services_by_name
    ]
    servicer = health.aio.HealthServicer()  # type: ignore[attr-defined]
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    reflection.enable_server_reflection(
        [*services, health.SERVICE_NAME, reflection.SERVICE_NAME], server
    )
