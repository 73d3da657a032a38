"""A daemon without models: the whole contract with scripted answers, for tests of clients.

As a script (`python fake_daemon.py --data-dir DIR`) it stands in for the real process.
"""

from __future__ import annotations

import argparse
import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc

from peanut.v1 import (
    edits_pb2,
    edits_pb2_grpc,
    errors_pb2,
    frames_pb2,
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

FRAME_COUNT = 10
WINDOWS = 3
PNG = b"\x89PNG fake"


class FakeService(
    edits_pb2_grpc.EditServiceServicer,
    jobs_pb2_grpc.JobServiceServicer,
    masks_pb2_grpc.MaskServiceServicer,
    models_pb2_grpc.ModelServiceServicer,
    renders_pb2_grpc.RenderServiceServicer,
    server_pb2_grpc.ServerServiceServicer,
    store_pb2_grpc.StoreServiceServicer,
):
    """Remembers what was asked, and answers as told."""

    def __init__(self, data_dir: Path, token: str) -> None:
        self.data_dir = data_dir
        self.token = token
        # Requests in order, by the name of their RPC.
        self.calls: list[tuple[str, Any]] = []
        # RPC -> status and error with which it is refused.
        self.refusals: dict[str, tuple[grpc.StatusCode, errors_pb2.Error]] = {}
        # Called when a watched job reaches its second window.
        self.on_second_window: Callable[[], None] = lambda: None
        # Called when the fourth mask was sent.
        self.on_fourth_mask: Callable[[], None] = lambda: None
        # Whether jobs run on until they are cancelled.
        self.endless_jobs = False
        # With what jobs fail; None: they succeed.
        self.job_error: errors_pb2.Error | None = None
        # Frames on which the target is lost.
        self.lost_frames: set[int] = set()
        self.edits: dict[str, edits_pb2.Edit] = {}
        self.jobs: dict[str, jobs_pb2.Job] = {}
        self.store = store_pb2.Store(
            folder=str(data_dir / "store"),
            artifacts=4,
            size_bytes=700 * 2**20,
            needed_bytes=200 * 2**20,
            budget_bytes=50 * 2**30,
            free_bytes=80 * 2**30,
        )
        self.shut_down = threading.Event()

    def named(self, rpc: str) -> list[Any]:
        """All requests to one RPC."""
        return [request for name, request in self.calls if name == rpc]

    def _called(self, rpc: str, request: Any, context: grpc.ServicerContext) -> None:
        self.calls.append((rpc, request))
        metadata = dict(context.invocation_metadata())
        if metadata.get("authorization") != f"Bearer {self.token}":
            error = errors_pb2.Error(
                reason="UnauthenticatedError", message="the token is wrong: read the file again"
            )
            refuse(context, grpc.StatusCode.UNAUTHENTICATED, error)
        if rpc in self.refusals:
            refuse(context, *self.refusals[rpc])

    def _job(self, job_id: str, context: grpc.ServicerContext) -> jobs_pb2.Job:
        if job_id not in self.jobs:
            error = errors_pb2.Error(
                reason="JobNotFoundError", message=f"no job {job_id!r}: list the jobs"
            )
            refuse(context, grpc.StatusCode.NOT_FOUND, error)
        return self.jobs[job_id]

    # --- the daemon ---

    def GetServerInfo(self, request: Any, context: Any) -> server_pb2.GetServerInfoResponse:  # noqa: N802
        self._called("GetServerInfo", request, context)
        return server_pb2.GetServerInfoResponse(
            version="0.1.0",
            api_minor_lowest=1,
            api_minor_highest=1,
            devices=[server_pb2.Device(name="cpu", description="a test")],
            profiles=[server_pb2.Profile(name="embedded", ready=True)],
            limits=server_pb2.Limits(max_queued_jobs=4, max_message_bytes=64 * 2**20),
            worker=server_pb2.Worker(ready=True, pid=os.getpid()),
            data_dir=str(self.data_dir),
        )

    def Shutdown(self, request: Any, context: Any) -> server_pb2.ShutdownResponse:  # noqa: N802
        self._called("Shutdown", request, context)
        self.shut_down.set()
        return server_pb2.ShutdownResponse()

    def ListModels(self, request: Any, context: Any) -> models_pb2.ListModelsResponse:  # noqa: N802
        self._called("ListModels", request, context)
        model = models_pb2.Model(
            name="embedded/propagation",
            stage=models_pb2.MODEL_STAGE_NOF_ERASER,
            description="moves true pixels along the flow",
            licence="Apache-2.0",
            commercial_use=True,
            installed=True,
        )
        network = models_pb2.Model(
            name="e2fgvi",
            stage=models_pb2.MODEL_STAGE_NOF_ERASER,
            licence="CC-BY-NC-4.0",
            installed=False,
        )
        return models_pb2.ListModelsResponse(models=[model, network])

    # --- edits and masks ---

    def CreateEdit(self, request: Any, context: Any) -> edits_pb2.CreateEditResponse:  # noqa: N802
        self._called("CreateEdit", request, context)
        edit = edits_pb2.Edit(
            id=f"edit{len(self.edits) + 1}",
            clip=frames_pb2.Clip(path=request.clip_range.path, width=64, height=48),
            range=frames_pb2.FrameRange(start_frame=0, end_frame=FRAME_COUNT),
        )
        if request.clip_range.HasField("range"):
            edit.range.CopyFrom(request.clip_range.range)
        self.edits[edit.id] = edit
        return edits_pb2.CreateEditResponse(edit=edit)

    def GetEdit(self, request: Any, context: Any) -> edits_pb2.GetEditResponse:  # noqa: N802
        self._called("GetEdit", request, context)
        return edits_pb2.GetEditResponse(edit=self.edits[request.edit_id])

    def ListEdits(self, request: Any, context: Any) -> edits_pb2.ListEditsResponse:  # noqa: N802
        self._called("ListEdits", request, context)
        return edits_pb2.ListEditsResponse(edits=self.edits.values())

    def DeleteEdit(self, request: Any, context: Any) -> edits_pb2.DeleteEditResponse:  # noqa: N802
        self._called("DeleteEdit", request, context)
        self.edits.pop(request.edit_id)
        return edits_pb2.DeleteEditResponse()

    def TrackMasks(  # noqa: N802
        self, requests: Iterator[Any], context: Any
    ) -> Iterator[masks_pb2.TrackMasksResponse]:
        for request in requests:
            self._called("TrackMasks", request, context)
            frames = self.edits[request.edit_id].range
            total = frames.end_frame - frames.start_frame
            for done, index in enumerate(range(frames.start_frame, frames.end_frame), 1):
                yield masks_pb2.TrackMasksResponse(mask=self._mask(index))
                progress = masks_pb2.TrackProgress(
                    target_id=request.target_id, frames_done=done, frames_total=total
                )
                yield masks_pb2.TrackMasksResponse(progress=progress)
                if done == 4:
                    self.on_fourth_mask()

    def FetchMasks(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        self._called("FetchMasks", request, context)
        frames = self.edits[request.edit_id].range
        for index in range(frames.start_frame, frames.end_frame):
            yield masks_pb2.FetchMasksResponse(mask=self._mask(index))

    def _mask(self, index: int) -> masks_pb2.MaskFrame:
        return masks_pb2.MaskFrame(
            target_id="1",
            frame_index=index,
            png=PNG + str(index).encode(),
            confidence=0.0 if index in self.lost_frames else 0.9,
        )

    def ApproveMasks(self, request: Any, context: Any) -> masks_pb2.ApproveMasksResponse:  # noqa: N802
        self._called("ApproveMasks", request, context)
        return masks_pb2.ApproveMasksResponse(approval=edits_pb2.Approval(matte_hash="abc"))

    def DrawMatteEdge(self, request: Any, context: Any) -> masks_pb2.DrawMatteEdgeResponse:  # noqa: N802
        self._called("DrawMatteEdge", request, context)
        return masks_pb2.DrawMatteEdgeResponse(png=PNG)

    # --- renders and jobs ---

    def StartRender(self, request: Any, context: Any) -> renders_pb2.StartRenderResponse:  # noqa: N802
        self._called("StartRender", request, context)
        stem = request.output_path.rpartition(".")[0]
        job = jobs_pb2.Job(
            id=f"job{len(self.jobs) + 1}",
            edit_id=request.edit_id,
            state=jobs_pb2.JOB_STATE_QUEUED,
            units_total=WINDOWS,
            outputs=jobs_pb2.JobOutputs(
                deliverable=request.output_path,
                otio=f"{stem}.otio",
                report=f"{stem}.report.json",
            ),
        )
        job.created_at.FromSeconds(1_700_000_000)
        self.jobs[job.id] = job
        return renders_pb2.StartRenderResponse(job=job)

    def FetchFrames(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        self._called("FetchFrames", request, context)
        yield renders_pb2.FetchFramesResponse(frame_index=0, png=PNG)

    def GetJob(self, request: Any, context: Any) -> jobs_pb2.GetJobResponse:  # noqa: N802
        self._called("GetJob", request, context)
        return jobs_pb2.GetJobResponse(job=self._job(request.job_id, context))

    def ListJobs(self, request: Any, context: Any) -> jobs_pb2.ListJobsResponse:  # noqa: N802
        self._called("ListJobs", request, context)
        return jobs_pb2.ListJobsResponse(jobs=reversed(self.jobs.values()))

    def WatchJob(self, request: Any, context: Any) -> Iterator[jobs_pb2.WatchJobResponse]:  # noqa: N802
        self._called("WatchJob", request, context)
        job = self._job(request.job_id, context)
        told = False
        yield jobs_pb2.WatchJobResponse(job=job)
        while job.state in (jobs_pb2.JOB_STATE_QUEUED, jobs_pb2.JOB_STATE_RUNNING):
            self._advance(job)
            yield jobs_pb2.WatchJobResponse(job=job)
            if job.units_done == 2 and not told:
                told = True
                self.on_second_window()

    def _advance(self, job: jobs_pb2.Job) -> None:
        """One piece of work."""
        if job.state == jobs_pb2.JOB_STATE_QUEUED:
            job.state = jobs_pb2.JOB_STATE_RUNNING
            job.stage = jobs_pb2.JOB_STAGE_PLATE
        elif self.endless_jobs and job.units_done == 2:
            threading.Event().wait(0.02)
        elif job.units_done < job.units_total:
            job.units_done += 1
        elif self.job_error is not None:
            job.state = jobs_pb2.JOB_STATE_FAILED
            job.error.CopyFrom(self.job_error)
        else:
            job.state = jobs_pb2.JOB_STATE_SUCCEEDED

    def CancelJob(self, request: Any, context: Any) -> jobs_pb2.CancelJobResponse:  # noqa: N802
        self._called("CancelJob", request, context)
        job = self._job(request.job_id, context)
        if job.state in (jobs_pb2.JOB_STATE_QUEUED, jobs_pb2.JOB_STATE_RUNNING):
            job.state = jobs_pb2.JOB_STATE_CANCELLED
        return jobs_pb2.CancelJobResponse(job=job)

    def ResumeJob(self, request: Any, context: Any) -> jobs_pb2.ResumeJobResponse:  # noqa: N802
        self._called("ResumeJob", request, context)
        job = self._job(request.job_id, context)
        job.state = jobs_pb2.JOB_STATE_QUEUED
        return jobs_pb2.ResumeJobResponse(job=job)

    def DeleteJob(self, request: Any, context: Any) -> jobs_pb2.DeleteJobResponse:  # noqa: N802
        self._called("DeleteJob", request, context)
        del self.jobs[self._job(request.job_id, context).id]
        return jobs_pb2.DeleteJobResponse()

    # --- the store ---

    def GetStore(self, request: Any, context: Any) -> store_pb2.GetStoreResponse:  # noqa: N802
        self._called("GetStore", request, context)
        return store_pb2.GetStoreResponse(store=self.store)

    def CleanStore(self, request: Any, context: Any) -> store_pb2.CleanStoreResponse:  # noqa: N802
        self._called("CleanStore", request, context)
        return store_pb2.CleanStoreResponse(
            store=self.store, removed_artifacts=1, removed_leftovers=2, freed_bytes=3 * 2**20
        )


def refuse(context: grpc.ServicerContext, code: grpc.StatusCode, error: errors_pb2.Error) -> None:
    """End a call the way the daemon does."""
    context.set_trailing_metadata((("peanut-error-bin", error.SerializeToString()),))
    context.abort(code, error.message)


class FakeDaemon:
    """A server on 127.0.0.1 with its connection file; use it as a context manager."""

    def __init__(
        self, data_dir: Path, *, token: str = "secret", service: FakeService | None = None
    ) -> None:
        self.data_dir = data_dir
        self.token = token
        self.service = FakeService(data_dir, token) if service is None else service
        self.service.token = token
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
        for add in (
            edits_pb2_grpc.add_EditServiceServicer_to_server,
            jobs_pb2_grpc.add_JobServiceServicer_to_server,
            masks_pb2_grpc.add_MaskServiceServicer_to_server,
            models_pb2_grpc.add_ModelServiceServicer_to_server,
            renders_pb2_grpc.add_RenderServiceServicer_to_server,
            server_pb2_grpc.add_ServerServiceServicer_to_server,
            store_pb2_grpc.add_StoreServiceServicer_to_server,
        ):
            add(self.service, self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")

    def __enter__(self) -> FakeDaemon:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen, then write the connection file."""
        self._server.start()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        fields = {
            "address": f"127.0.0.1:{self.port}",
            "token": self.token,
            "pid": 0,  # none of its own, so that nobody waits for its end or ends it
            "version": "0.1.0",
            "api_minor": 1,
        }
        part = self.data_dir / "daemon.json.part"
        part.write_text(json.dumps(fields), encoding="utf-8")
        part.chmod(0o600)
        part.replace(self.data_dir / "daemon.json")

    def stop(self, grace_s: float = 0) -> None:
        """Go away; the connection file stays, as after a kill."""
        self._server.stop(grace=grace_s).wait()

    def stop_soon(self) -> None:
        """Go away once the call that asks for it is answered."""
        threading.Timer(0.1, self.stop).start()


def main() -> None:
    """Serve until Shutdown is called, or for a minute."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", type=Path, required=True)
    with FakeDaemon(parser.parse_args().data_dir) as daemon:
        daemon.service.shut_down.wait(60)
        # The call that asked for it is still being answered.
        daemon.stop(grace_s=10)


if __name__ == "__main__":
    main()
