"""HostService."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from fractions import Fraction
from typing import Any

import numpy as np

from peanut.v1 import hosts_pb2, hosts_pb2_grpc
from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.hosts.model import HostClip, SessionState
from peanut_daemon.hosts.pictures import HostPictures, View, Wanted
from peanut_daemon.hosts.regions import Regions, Rows
from peanut_daemon.hosts.sessions import HostSessions
from peanut_daemon.hosts.transfer import TransferFolder
from peanut_daemon.media import Rate

# Of one message with pixels: large enough to cost nothing, small enough to be cancelled between.
CHUNK_BYTES = 1 << 20
# One frame that arrives in chunks; the largest session's frame fits.
MAX_FRAME_BYTES = 1 << 31

SAMPLES: dict[int, np.dtype[np.uint8] | np.dtype[np.uint16]] = {
    hosts_pb2.HOST_SAMPLE_U8: np.dtype(np.uint8),
    hosts_pb2.HOST_SAMPLE_U16: np.dtype("<u2"),
}
VIEWS = {
    hosts_pb2.HOST_VIEW_MASK: View.MASK,
    hosts_pb2.HOST_VIEW_MATTE: View.MATTE,
    hosts_pb2.HOST_VIEW_PLATE: View.PLATE,
    hosts_pb2.HOST_VIEW_RESULT: View.RESULT,
}


class HostService(hosts_pb2_grpc.HostServiceServicer):
    """Host sessions and pictures."""

    def __init__(
        self,
        sessions: HostSessions,
        pictures: HostPictures,
        transfer: TransferFolder,
        regions: Regions,
    ) -> None:
        self._sessions = sessions
        self._pictures = pictures
        self._transfer = transfer
        self._regions = regions
        # Two calls that finish one session must not write one file.
        self._finishing: dict[str, asyncio.Lock] = {}

    async def OpenHostSession(  # noqa: N802
        self, request: hosts_pb2.OpenHostSessionRequest, context: Any
    ) -> hosts_pb2.OpenHostSessionResponse:
        """Make a session, or find it again."""
        clip = _clip(request)
        state = await asyncio.to_thread(self._sessions.open, request.session_id, clip)
        return hosts_pb2.OpenHostSessionResponse(session=_message(state))

    async def PutHostFrames(  # noqa: N802
        self, request_iterator: AsyncIterator[hosts_pb2.PutHostFramesRequest], context: Any
    ) -> hosts_pb2.PutHostFramesResponse:
        """Store frames as they come."""
        session_id, time, pixels = "", 0, bytearray()
        async for part in request_iterator:
            if pixels and (part.session_id, part.time) != (session_id, time):
                await self._store(session_id, time, pixels)
                pixels = bytearray()
            session_id, time = part.session_id, part.time
            if part.WhichOneof("data") == "file":
                await asyncio.to_thread(self._sessions.put, session_id, time, part.file)
                continue
            if part.WhichOneof("data") == "region":
                region = self._regions.get(part.region.region_id)
                rows = _rows(part.region)
                await asyncio.to_thread(self._sessions.put_rows, session_id, time, region, rows)
                continue
            pixels += part.chunk
            if len(pixels) > MAX_FRAME_BYTES:
                raise InvalidRequestError(
                    f"the frame at time {time} has more than {MAX_FRAME_BYTES} bytes: send the "
                    "bytes of one frame of the session's size"
                )
        if pixels:
            await self._store(session_id, time, pixels)
        state = await asyncio.to_thread(self._sessions.state, session_id)
        return hosts_pb2.PutHostFramesResponse(session=_message(state))

    async def _store(self, session_id: str, time: int, pixels: bytearray) -> None:
        await asyncio.to_thread(self._sessions.put, session_id, time, pixels)

    async def FinishHostSession(  # noqa: N802
        self, request: hosts_pb2.FinishHostSessionRequest, context: Any
    ) -> AsyncIterator[hosts_pb2.FinishHostSessionResponse]:
        """Make the clip, and say how far it is."""
        session_id = request.session_id
        loop, done = asyncio.get_running_loop(), asyncio.Queue[int]()
        wanted = True

        def advance(frames: int) -> bool:
            loop.call_soon_threadsafe(done.put_nowait, frames)
            return wanted

        async with self._finishing.setdefault(session_id, asyncio.Lock()):
            work = asyncio.create_task(
                asyncio.to_thread(self._sessions.finish, session_id, advance)
            )
            work.add_done_callback(lambda _: done.put_nowait(-1))
            try:
                while (frames := await done.get()) >= 0:
                    yield hosts_pb2.FinishHostSessionResponse(frames_done=frames)
            finally:
                wanted = False
                # Shielded, so that the thread is over before the lock is given back.
                await asyncio.shield(work)
        state = await asyncio.to_thread(self._sessions.state, session_id)
        yield hosts_pb2.FinishHostSessionResponse(
            frames_done=state.frames_total, session=_message(state)
        )

    async def HoldRegion(  # noqa: N802
        self, request: hosts_pb2.HoldRegionRequest, context: Any
    ) -> AsyncIterator[hosts_pb2.HoldRegionResponse]:
        """Keep shared memory until the call ends, however it ends."""
        with self._regions.hold(request.size_bytes) as region:
            yield hosts_pb2.HoldRegionResponse(
                region_id=region.id, path=str(region.path), size_bytes=region.size_bytes
            )
            await asyncio.Event().wait()

    async def GetHostPicture(  # noqa: N802
        self, request: hosts_pb2.GetHostPictureRequest, context: Any
    ) -> AsyncIterator[hosts_pb2.GetHostPictureResponse]:
        """One picture, by file or in chunks."""
        picture = await self._pictures.picture(_wanted(request))
        height, width, components = picture.shape
        first = hosts_pb2.GetHostPictureResponse(width=width, height=height, components=components)
        if request.HasField("into"):
            region = self._regions.get(request.into.region_id)
            await asyncio.to_thread(region.write, picture, _rows(request.into))
            first.in_region = True
            yield first
            return
        pixels = picture.tobytes()
        if request.by_file:
            first.file = str(await asyncio.to_thread(self._transfer.hand_out, pixels))
            yield first
            return
        yield first
        for start in range(0, len(pixels), CHUNK_BYTES):
            yield hosts_pb2.GetHostPictureResponse(chunk=pixels[start : start + CHUNK_BYTES])


def _clip(request: hosts_pb2.OpenHostSessionRequest) -> HostClip:
    takes_frames = (request.width, request.height) != (0, 0)
    sample = SAMPLES.get(request.sample)
    aspect = request.pixel_aspect
    if request.HasField("pixel_aspect") and (aspect.num < 1 or aspect.den < 1):
        raise InvalidRequestError(
            f"pixel aspect {aspect.num}/{aspect.den} is not positive: give width over height"
        )
    return HostClip(
        width=request.width,
        height=request.height,
        sample_bytes=0 if sample is None else sample.itemsize,
        rate=Rate(request.rate.num, request.rate.den) if takes_frames else Rate(1),
        first_time=request.first_time,
        frame_count=request.frame_count,
        pixel_aspect=(
            Fraction(aspect.num, aspect.den) if request.HasField("pixel_aspect") else Fraction(1)
        ),
    )


def _wanted(request: hosts_pb2.GetHostPictureRequest) -> Wanted:
    if (view := VIEWS.get(request.view)) is None:
        raise InvalidRequestError(f"view {request.view} is unknown: set view to one of HostView")
    if (sample := SAMPLES.get(request.sample)) is None:
        raise InvalidRequestError("the request names no sample type: set sample to U8 or U16")
    return Wanted(
        edit_id=request.edit_id,
        job_id=request.job_id,
        view=view,
        frame_index=request.frame_index,
        size=(request.width, request.height),
        sample=sample,
    )


def _rows(message: hosts_pb2.RegionRows) -> Rows:
    return Rows(region_id=message.region_id, offset=message.offset, stride=message.stride)


def _message(state: SessionState) -> hosts_pb2.HostSession:
    return hosts_pb2.HostSession(
        id=state.session_id,
        frames_stored=state.frames_stored,
        frames_total=state.frames_total,
        clip_path=state.clip_path,
        output_dir=state.output_dir,
        transfer_dir=state.transfer_dir,
    )
