"""The client: one method per RPC, protobuf messages in and out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from peanut.v1 import (
    edits_pb2,
    edits_pb2_grpc,
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
from peanut_client.config import Settings, load_settings
from peanut_client.connection import Connection, ConnectionInfo, connect
from peanut_client.errors import DaemonUnavailableError, PeanutError, mapped_errors
from peanut_client.streams import read_stream

ENDED_STATES = frozenset(
    {
        jobs_pb2.JOB_STATE_SUCCEEDED,
        jobs_pb2.JOB_STATE_FAILED,
        jobs_pb2.JOB_STATE_CANCELLED,
    }
)
"""States that a job leaves only when it is resumed."""

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0

# Generated stubs carry no types: see connection.py.
_EditServiceStub: Any = edits_pb2_grpc.EditServiceStub
_JobServiceStub: Any = jobs_pb2_grpc.JobServiceStub
_MaskServiceStub: Any = masks_pb2_grpc.MaskServiceStub
_ModelServiceStub: Any = models_pb2_grpc.ModelServiceStub
_RenderServiceStub: Any = renders_pb2_grpc.RenderServiceStub
_ServerServiceStub: Any = server_pb2_grpc.ServerServiceStub
_StoreServiceStub: Any = store_pb2_grpc.StoreServiceStub


def _cut_short(job_id: str) -> DaemonUnavailableError:
    return DaemonUnavailableError(
        "DaemonUnreachableError",
        f"the daemon stopped reporting on job {job_id} before it ended: watch it again",
        retryable=True,
    )


def frame_range(start_frame: int, end_frame: int) -> frames_pb2.FrameRange:
    """The half-open run of frames `[start_frame, end_frame)`."""
    return frames_pb2.FrameRange(start_frame=start_frame, end_frame=end_frame)


class PeanutClient:
    """A connection to the daemon; use it as a context manager.

    Every method raises `PeanutError` with the daemon's reason when a request is refused, and its
    subclass `DaemonUnavailableError` when the daemon goes away. What each call does, and which
    errors it has, is written at the RPC of the same name in `proto/peanut/v1/`.
    """

    def __init__(
        self,
        *,
        start: bool = True,
        settings: Settings | None = None,
        on_start: Callable[[], None] | None = None,
    ) -> None:
        """Connect.

        Args:
            start: whether to start a daemon when none answers.
            settings: where it is; by default from the environment.
            on_start: called right before one is started, which takes seconds.
        """
        self._settings = load_settings() if settings is None else settings
        self._start = start
        self._on_start = on_start
        self._open(connect(start=start, settings=self._settings, on_start=on_start))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the daemon and its jobs go on."""
        self._connection.close()

    @property
    def server(self) -> server_pb2.GetServerInfoResponse:
        """What the daemon said of itself when the connection was opened."""
        return self._connection.server

    @property
    def channel(self) -> Any:
        """The open gRPC channel, for services that have no methods here; calls carry the token."""
        return self._connection.channel

    @property
    def connection_info(self) -> ConnectionInfo:
        """Where the daemon listens, and its process."""
        return self._connection.info

    @property
    def started_daemon(self) -> bool:
        """Whether this client had to start the daemon."""
        return self._connection.started

    # --- the daemon ---

    def get_server_info(self) -> server_pb2.GetServerInfoResponse:
        """What the daemon is, can do and is busy with, now."""
        response: server_pb2.GetServerInfoResponse = self._call(
            self._server.GetServerInfo, server_pb2.GetServerInfoRequest()
        )
        return response

    def shutdown(self) -> None:
        """Stop the daemon; its jobs go on when it is started again."""
        self._call(self._server.Shutdown, server_pb2.ShutdownRequest())

    def list_models(self) -> list[models_pb2.Model]:
        """All back ends that the daemon knows, in order of stages."""
        response: models_pb2.ListModelsResponse = self._call(
            self._models.ListModels, models_pb2.ListModelsRequest()
        )
        return list(response.models)

    # --- edits ---

    def create_edit(
        self,
        path: str,
        frames: frames_pb2.FrameRange | None = None,
        *,
        rate: frames_pb2.Rate | None = None,
        colourspace: str = "",
        deinterlace: bool = False,
    ) -> edits_pb2.Edit:
        """Make an edit from a media file or an image sequence.

        Args:
            path: absolute path of the clip on the daemon's machine, or a pattern for its files.
            frames: the frames to work on; None: all.
            rate: of an image sequence that does not say it.
            colourspace: see `CreateEditRequest`.
            deinterlace: see `CreateEditRequest`.
        """
        return self._create_edit(
            edits_pb2.CreateEditRequest(
                clip_range=edits_pb2.ClipRange(path=path, range=frames),
                rate=rate,
                colourspace=colourspace,
                deinterlace=deinterlace,
            )
        )

    def create_edit_from_otio(
        self, document: str, *, colourspace: str = "", deinterlace: bool = False
    ) -> edits_pb2.Edit:
        """Make an edit from an OpenTimelineIO document (JSON) with exactly one clip."""
        return self._create_edit(
            edits_pb2.CreateEditRequest(
                otio=document, colourspace=colourspace, deinterlace=deinterlace
            )
        )

    def _create_edit(self, request: edits_pb2.CreateEditRequest) -> edits_pb2.Edit:
        response: edits_pb2.CreateEditResponse = self._long_call(self._edits.CreateEdit, request)
        return response.edit

    def get_edit(self, edit_id: str) -> edits_pb2.Edit:
        """One edit."""
        response: edits_pb2.GetEditResponse = self._call(
            self._edits.GetEdit, edits_pb2.GetEditRequest(edit_id=edit_id)
        )
        return response.edit

    def list_edits(self) -> list[edits_pb2.Edit]:
        """All edits, newest first."""
        response: edits_pb2.ListEditsResponse = self._call(
            self._edits.ListEdits, edits_pb2.ListEditsRequest()
        )
        return list(response.edits)

    def delete_edit(self, edit_id: str) -> None:
        """Delete an edit with its prompts, masks and jobs; deliverables stay."""
        self._call(self._edits.DeleteEdit, edits_pb2.DeleteEditRequest(edit_id=edit_id))

    # --- masks ---

    def track_masks(
        self,
        edit_id: str,
        targets: Iterable[edits_pb2.Target],
        *,
        playhead_frame: int | None = None,
        direction: masks_pb2.TrackDirection = masks_pb2.TRACK_DIRECTION_UNSPECIFIED,
        p_mask: str = "",
    ) -> Iterator[masks_pb2.TrackMasksResponse]:
        """Turn the prompts of targets into masks; yields masks and progress as they come.

        Args:
            edit_id: id of the edit.
            targets: id, name and prompts of each; drawn one by one while masks come back, so that
                a caller may give corrections as the user makes them. The stream ends when they
                are used up and the last one is tracked.
            playhead_frame: what is near it is tracked first.
            direction: which way to go from the prompts.
            p_mask: model that finds the masks; default: the daemon's choice.

        Leaving the loop early stops the tracking; masks that were stored stay.
        """
        requests = (
            masks_pb2.TrackMasksRequest(
                edit_id=edit_id,
                target_id=target.id,
                name=target.name,
                prompts=target.prompts,
                kind=target.kind,
                playhead_frame=playhead_frame,
                direction=direction,
                p_mask=p_mask,
            )
            for target in targets
        )
        return self._stream(self._masks.TrackMasks, requests)

    def undo_prompts(self, edit_id: str, target_id: str, *, redo: bool = False) -> edits_pb2.Target:
        """Take the last change of a target's prompts back with its masks, or make it again."""
        request = masks_pb2.UndoPromptsRequest(edit_id=edit_id, target_id=target_id, redo=redo)
        response: masks_pb2.UndoPromptsResponse = self._call(self._masks.UndoPrompts, request)
        return response.target

    def fetch_masks(
        self,
        edit_id: str,
        target_id: str = "",
        frames: frames_pb2.FrameRange | None = None,
    ) -> Iterator[masks_pb2.MaskFrame]:
        """The stored masks in order of frames; by default all targets and the edit's range."""
        request = masks_pb2.FetchMasksRequest(edit_id=edit_id, target_id=target_id, range=frames)
        for response in self._stream(self._masks.FetchMasks, request):
            yield response.mask

    def approve_masks(
        self,
        edit_id: str,
        *,
        grow_px: int = 4,
        feather_px: int = 2,
        refine_px: int = 0,
        effect_feather_px: int | None = None,
    ) -> edits_pb2.Approval:
        """Freeze the masks of all targets as the matte that renders use.

        `ApproveMasksRequest` says what the arguments mean.
        """
        response: masks_pb2.ApproveMasksResponse = self._long_call(
            self._masks.ApproveMasks,
            masks_pb2.ApproveMasksRequest(
                edit_id=edit_id,
                grow_px=grow_px,
                feather_px=feather_px,
                refine_px=refine_px,
                effect_feather_px=effect_feather_px,
            ),
        )
        return response.approval

    def draw_matte_edge(
        self, matte: masks_pb2.ApproveMasksRequest, frame_indices: Sequence[int] = ()
    ) -> bytes:
        """The edge of the matte that approving so would give, at 400 %; a PNG."""
        response: masks_pb2.DrawMatteEdgeResponse = self._long_call(
            self._masks.DrawMatteEdge,
            masks_pb2.DrawMatteEdgeRequest(matte=matte, frame_indices=frame_indices),
        )
        return response.png

    # --- renders and jobs ---

    def start_render(
        self,
        edit_id: str,
        output_path: str,
        *,
        deliverable: renders_pb2.Deliverable = renders_pb2.DELIVERABLE_FULL,
        codec: renders_pb2.Codec = renders_pb2.CODEC_UNSPECIFIED,
        overwrite: bool = False,
        profile: str = "",
        nof_eraser: str = "",
        ur_net: str = "",
        working_size: str = "",
        window_frames: int = 0,
        donor_paths: Sequence[str] = (),
        donor_confidence: float | None = None,
        cuts: Sequence[int] | None = None,
        versioned: bool = False,
        proof: bool = True,
        grain: bool = True,
    ) -> jobs_pb2.Job:
        """Queue a job that writes the deliverable to an absolute path; returns at once.

        `StartRenderRequest` says what the arguments mean.
        """
        response: renders_pb2.StartRenderResponse = self._long_call(
            self._renders.StartRender,
            renders_pb2.StartRenderRequest(
                edit_id=edit_id,
                deliverable=deliverable,
                codec=codec,
                output_path=output_path,
                overwrite=overwrite,
                profile=profile,
                nof_eraser=nof_eraser,
                ur_net=ur_net,
                working_size=working_size,
                window_frames=window_frames,
                donor_paths=donor_paths,
                donor_confidence=donor_confidence,
                cuts=None if cuts is None else renders_pb2.Cuts(frame_indices=cuts),
                versioned=versioned,
                no_proof=not proof,
                no_grain=not grain,
            ),
        )
        return response.job

    def fetch_frames(
        self, job_id: str, frames: frames_pb2.FrameRange | None = None
    ) -> Iterator[renders_pb2.FetchFramesResponse]:
        """Repaired frames of a render as PNGs; by default the edit's range."""
        request = renders_pb2.FetchFramesRequest(job_id=job_id, range=frames)
        return self._stream(self._renders.FetchFrames, request)

    def get_job(self, job_id: str) -> jobs_pb2.Job:
        """One job."""
        response: jobs_pb2.GetJobResponse = self._call(
            self._jobs.GetJob, jobs_pb2.GetJobRequest(job_id=job_id)
        )
        return response.job

    def list_jobs(self) -> list[jobs_pb2.Job]:
        """All jobs, newest first."""
        response: jobs_pb2.ListJobsResponse = self._call(
            self._jobs.ListJobs, jobs_pb2.ListJobsRequest()
        )
        return list(response.jobs)

    def cancel_job(self, job_id: str) -> jobs_pb2.Job:
        """Ask a job to end; watch it to see it end. Harmless on a job that has ended."""
        response: jobs_pb2.CancelJobResponse = self._call(
            self._jobs.CancelJob, jobs_pb2.CancelJobRequest(job_id=job_id)
        )
        return response.job

    def resume_job(self, job_id: str) -> jobs_pb2.Job:
        """Queue a cancelled or failed job again; it goes on from the last committed window."""
        response: jobs_pb2.ResumeJobResponse = self._call(
            self._jobs.ResumeJob, jobs_pb2.ResumeJobRequest(job_id=job_id)
        )
        return response.job

    def delete_job(self, job_id: str) -> None:
        """Delete a job that has ended; its deliverable stays."""
        self._call(self._jobs.DeleteJob, jobs_pb2.DeleteJobRequest(job_id=job_id))

    def watch_job(self, job_id: str) -> Iterator[jobs_pb2.Job]:
        """The job now and at each change, until it has ended.

        A job survives its daemon. When the daemon goes away, this looks for it again with growing
        pauses, for `reconnect_timeout_s` at most, and starts a new one if this client may start
        one; but not after an orderly shutdown, which somebody wanted.
        """
        lost_at: float | None = None
        pause_s = _FIRST_PAUSE_S
        last: jobs_pb2.Job | None = None
        reason = ""
        while True:
            try:
                if lost_at is not None:
                    self._reconnect(start=self._start and reason != "ShuttingDownError")
                request = jobs_pb2.WatchJobRequest(job_id=job_id)
                for response in self._stream(self._jobs.WatchJob, request):
                    lost_at, pause_s = None, _FIRST_PAUSE_S
                    if response.job != last:
                        last = response.job
                        yield last
                if last is not None and last.state in ENDED_STATES:
                    return
                raise _cut_short(job_id)
            except PeanutError as error:
                if not error.retryable:
                    raise
                now = time.monotonic()
                if lost_at is None:
                    lost_at, reason = now, error.reason
                if now + pause_s - lost_at > self._settings.reconnect_timeout_s:
                    raise
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    # --- the store ---

    def get_store(self) -> store_pb2.Store:
        """What the store of computed windows holds."""
        response: store_pb2.GetStoreResponse = self._call(
            self._store.GetStore, store_pb2.GetStoreRequest()
        )
        return response.store

    def clean_store(self, budget_bytes: int | None = None) -> store_pb2.CleanStoreResponse:
        """Delete leftovers and what is over the budget, or over `budget_bytes` this once."""
        request = store_pb2.CleanStoreRequest(budget_bytes=budget_bytes)
        response: store_pb2.CleanStoreResponse = self._long_call(self._store.CleanStore, request)
        return response

    # --- inside ---

    def _open(self, connection: Connection) -> None:
        self._connection = connection
        self._edits = _EditServiceStub(connection.channel)
        self._jobs = _JobServiceStub(connection.channel)
        self._masks = _MaskServiceStub(connection.channel)
        self._models = _ModelServiceStub(connection.channel)
        self._renders = _RenderServiceStub(connection.channel)
        self._server = _ServerServiceStub(connection.channel)
        self._store = _StoreServiceStub(connection.channel)

    def _reconnect(self, *, start: bool) -> None:
        connection = connect(start=start, settings=self._settings, on_start=self._on_start)
        self._connection.close()
        self._open(connection)

    def _call(self, method: Any, request: Any) -> Any:
        return self._unary(method, request, self._settings.call_timeout_s)

    def _long_call(self, method: Any, request: Any) -> Any:
        return self._unary(method, request, self._settings.long_call_timeout_s)

    def _unary(self, method: Any, request: Any, timeout_s: float) -> Any:
        with mapped_errors():
            return method(request, timeout=timeout_s, metadata=self._connection.info.metadata)

    def _stream(self, method: Any, request: Any) -> Iterator[Any]:
        """Yield what a streaming call answers, and end the call with the loop.

        No deadline: tracking and rendering take as long as they take.
        """
        metadata = self._connection.info.metadata
        with mapped_errors():
            yield from read_stream(lambda: method(request, metadata=metadata))
