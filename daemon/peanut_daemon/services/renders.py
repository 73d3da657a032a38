"""RenderService and JobService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

from peanut.v1 import jobs_pb2, jobs_pb2_grpc, renders_pb2, renders_pb2_grpc
from peanut_daemon import convert
from peanut_daemon.deliverable import DEFAULT_DONOR_CONFIDENCE, DonorFile
from peanut_daemon.edits.limits import MAX_DONORS
from peanut_daemon.edits.request import clip_at
from peanut_daemon.errors import JobStateError, LimitExceededError
from peanut_daemon.guard.apart import Apart
from peanut_daemon.guard.roots import Roots
from peanut_daemon.jobs.dispatcher import Dispatcher
from peanut_daemon.jobs.model import Job
from peanut_daemon.jobs.renders import Renders
from peanut_daemon.jobs.store import JobStore

DEFAULT_PROFILE = "embedded"
AUTO = "auto"


class RenderService(renders_pb2_grpc.RenderServiceServicer):
    """Renders: start, fetch frames."""

    def __init__(
        self, renders: Renders, dispatcher: Dispatcher, apart: Apart, roots: Roots
    ) -> None:
        self._renders = renders
        self._dispatcher = dispatcher
        self._apart = apart
        self._roots = roots

    async def StartRender(  # noqa: N802
        self, request: renders_pb2.StartRenderRequest, context: Any
    ) -> renders_pb2.StartRenderResponse:
        """Queue a render."""
        if len(request.donor_paths) > MAX_DONORS:
            raise LimitExceededError(
                f"the render has {len(request.donor_paths)} donors: {MAX_DONORS} at most"
            )
        job = self._renders.start(
            edit_id=request.edit_id,
            deliverable=convert.to_deliverable(request.deliverable),
            codec=convert.to_codec(request.codec),
            output_path=Path(request.output_path),
            overwrite=request.overwrite,
            versioned=request.versioned,
            cuts=convert.to_cuts(request),
            proof=not request.no_proof,
            grain=not request.no_grain,
            profile_name=request.profile or DEFAULT_PROFILE,
            nof_eraser=request.nof_eraser,
            ur_net=request.ur_net,
            working=request.working_size or AUTO,
            window_frames=request.window_frames,
            donors=[await self._donor(Path(path)) for path in request.donor_paths],
            donor_confidence=(
                request.donor_confidence
                if request.HasField("donor_confidence")
                else DEFAULT_DONOR_CONFIDENCE
            ),
        )
        message = convert.from_job(job, self._dispatcher.progress(job))
        return renders_pb2.StartRenderResponse(job=message)

    async def _donor(self, path: Path) -> DonorFile:
        clip = await self._apart.call(str(path), clip_at, path, self._roots)
        return DonorFile(clip.path, clip.fingerprint)

    async def FetchFrames(  # noqa: N802
        self, request: renders_pb2.FetchFramesRequest, context: Any
    ) -> AsyncIterator[renders_pb2.FetchFramesResponse]:
        """Stream repaired frames."""
        wanted = convert.to_range(request.range) if request.HasField("range") else None
        async with aclosing(self._renders.pictures(request.job_id, wanted)) as pictures:
            async for picture in pictures:
                yield renders_pb2.FetchFramesResponse(
                    frame_index=picture.frame_index, png=picture.png
                )


class JobService(jobs_pb2_grpc.JobServiceServicer):
    """Jobs: get, list, watch, cancel, resume, delete."""

    def __init__(self, jobs: JobStore, renders: Renders, dispatcher: Dispatcher) -> None:
        self._jobs = jobs
        self._renders = renders
        self._dispatcher = dispatcher

    async def GetJob(  # noqa: N802
        self, request: jobs_pb2.GetJobRequest, context: Any
    ) -> jobs_pb2.GetJobResponse:
        """Return one job."""
        return jobs_pb2.GetJobResponse(job=self._message(self._jobs.get(request.job_id)))

    async def ListJobs(  # noqa: N802
        self, request: jobs_pb2.ListJobsRequest, context: Any
    ) -> jobs_pb2.ListJobsResponse:
        """Return all jobs."""
        return jobs_pb2.ListJobsResponse(jobs=[self._message(job) for job in self._jobs.all()])

    async def WatchJob(  # noqa: N802
        self, request: jobs_pb2.WatchJobRequest, context: Any
    ) -> AsyncIterator[jobs_pb2.WatchJobResponse]:
        """Stream a job until it has ended."""
        async with aclosing(self._dispatcher.watch(request.job_id)) as changes:
            async for job in changes:
                yield jobs_pb2.WatchJobResponse(job=self._message(job))

    async def CancelJob(  # noqa: N802
        self, request: jobs_pb2.CancelJobRequest, context: Any
    ) -> jobs_pb2.CancelJobResponse:
        """Ask a job to end."""
        self._dispatcher.cancel(request.job_id)
        return jobs_pb2.CancelJobResponse(job=self._message(self._jobs.get(request.job_id)))

    async def ResumeJob(  # noqa: N802
        self, request: jobs_pb2.ResumeJobRequest, context: Any
    ) -> jobs_pb2.ResumeJobResponse:
        """Queue an ended job again."""
        return jobs_pb2.ResumeJobResponse(job=self._message(self._renders.resume(request.job_id)))

    async def DeleteJob(  # noqa: N802
        self, request: jobs_pb2.DeleteJobRequest, context: Any
    ) -> jobs_pb2.DeleteJobResponse:
        """Delete a job that has ended."""
        job = self._jobs.get(request.job_id)
        if not job.state.ended:
            raise JobStateError(f"job {job.id} is {job.state.value}: cancel it first")
        self._jobs.delete(job.id)
        return jobs_pb2.DeleteJobResponse()

    def _message(self, job: Job) -> jobs_pb2.Job:
        return convert.from_job(job, self._dispatcher.progress(job))
