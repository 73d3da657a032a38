"""Host sessions on disk: frames as they arrive, then one lossless clip.

DATA_DIR/hosts/ID/session.json     what the session is for
DATA_DIR/hosts/ID/frames/TIME.rgb  one file per frame, gone once the clip is made
DATA_DIR/hosts/ID/clip.mkv         FFV1, the code values that the host gave
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy import ndarray

from peanut_daemon.errors import DiskFullError, InvalidRequestError, MediaNotFoundError
from peanut_daemon.hosts.model import HostClip, SessionState, checked_session_id
from peanut_daemon.hosts.regions import Region, Rows
from peanut_daemon.hosts.transfer import TransferFolder
from peanut_daemon.media import ClipWriter, OutputFormat
from peanut_daemon.media.atomic import output_error, write_atomically
from peanut_models.errors import FrameRangeError

# Frames that nobody made a clip of within this time were given up.
KEEP_UNFINISHED_S = 7 * 24 * 3600


class HostSessions:
    """All sessions of one daemon. Methods block on the disk; call them from a thread."""

    def __init__(
        self,
        folder: Path,
        transfer: TransferFolder,
        *,
        min_free_bytes: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._transfer = transfer
        self._min_free_bytes = min_free_bytes
        self._clock = clock

    def remove_given_up(self) -> None:
        """Remove the frames of sessions that nobody finished for a week."""
        for frames in self._folder.glob("*/frames"):
            if frames.stat().st_mtime < self._clock() - KEEP_UNFINISHED_S:
                shutil.rmtree(frames, ignore_errors=True)

    def open(self, session_id: str, clip: HostClip) -> SessionState:
        """Make a session, or find it again.

        Raises:
            InvalidRequestError: a bad id, or it is there with other facts.
            OutputNotWritableError, DiskFullError: its folder cannot be made.
        """
        folder = self._folder / checked_session_id(session_id)
        facts = folder / "session.json"
        if facts.is_file() and self._clip(session_id) != clip:
            raise InvalidRequestError(
                f"host session {session_id} is there already with other facts "
                f"({self._clip(session_id).to_dict()}, not {clip.to_dict()}): take a new id"
            )
        try:
            (folder / "frames").mkdir(parents=True, exist_ok=True)
            if not facts.is_file():
                write_atomically(facts, json.dumps(clip.to_dict()).encode())
        except OSError as error:
            raise output_error(error, folder) from error
        return self.state(session_id)

    def state(self, session_id: str) -> SessionState:
        """How far a session is.

        Raises:
            MediaNotFoundError: no session has that id.
        """
        clip, folder = self._clip(session_id), self._folder / session_id
        finished = self.clip_path(session_id).is_file()
        return SessionState(
            session_id=session_id,
            frames_stored=clip.frame_count if finished else len(self._times(session_id)),
            frames_total=clip.frame_count,
            clip_path=str(self.clip_path(session_id)) if finished else "",
            output_dir=str(folder),
            transfer_dir=str(self._transfer.path),
        )

    def put(self, session_id: str, time_: int, pixels: bytes | bytearray | str) -> None:
        """Store one frame.

        Args:
            session_id: of the session.
            time_: the host's, in frames.
            pixels: RGB without gaps, rows from the top; or the name of a file in the transfer
                folder that holds them, which is taken away.

        Raises:
            MediaNotFoundError: no such session or file.
            FrameRangeError: the session has no such frame.
            InvalidRequestError: too few or too many bytes.
            DiskFullError, OutputNotWritableError: it cannot be stored.
        """
        clip = self._clip(session_id)
        source = self._transfer.given(pixels) if isinstance(pixels, str) else None
        try:
            size = source.stat().st_size if source is not None else len(pixels)
            if size != clip.frame_bytes:
                raise InvalidRequestError(
                    f"the frame at time {time_} of host session {session_id} has {size} bytes: "
                    f"{clip.width}x{clip.height} RGB of {clip.sample_bytes} byte(s) has "
                    f"{clip.frame_bytes}"
                )

            def write(file: BinaryIO) -> None:
                if source is None:
                    assert not isinstance(pixels, str)
                    file.write(pixels)
                    return
                with source.open("rb") as given:
                    shutil.copyfileobj(given, file)

            self._store(session_id, clip, time_, write)
        finally:
            if source is not None:
                source.unlink(missing_ok=True)

    def put_rows(self, session_id: str, time_: int, region: Region, rows: Rows) -> None:
        """Store one frame from shared memory, without a copy of it in ours; raises as `put`."""
        clip = self._clip(session_id)
        row_bytes = clip.frame_bytes // max(1, clip.height)
        self._store(
            session_id,
            clip,
            time_,
            lambda file: region.copy_to(file, rows, row_bytes, clip.height),
        )

    def _store(
        self, session_id: str, clip: HostClip, time_: int, write: Callable[[BinaryIO], None]
    ) -> None:
        """Give a frame its name once it is whole."""
        clip.check_time(time_)
        if self.clip_path(session_id).is_file():
            return  # The clip is made; a host that renders again sends what we have.
        self._check_room(clip)
        target = self._frame_path(session_id, time_)
        part = target.with_suffix(".part")
        try:
            with part.open("wb") as file:
                write(file)
            part.replace(target)
        except OSError as error:
            raise output_error(error, target) from error
        finally:
            part.unlink(missing_ok=True)

    def finish(self, session_id: str, advance: Callable[[int], bool]) -> None:
        """Make the clip, unless it is there.

        Args:
            session_id: of the session.
            advance: told how many frames are written; False stops, and nothing is left.

        Raises:
            MediaNotFoundError: no such session.
            FrameRangeError: frames are missing.
            DiskFullError, OutputNotWritableError: the clip cannot be written.
        """
        clip, target = self._clip(session_id), self.clip_path(session_id)
        if target.is_file():
            return
        self._check_complete(session_id, clip)
        try:
            with ClipWriter(target, "ffv1", _format(clip), overwrite=True) as writer:
                for done in range(clip.frame_count):
                    writer.write(self._read(session_id, clip, clip.first_time + done))
                    if not advance(done + 1):
                        raise _StoppedError
        except _StoppedError:
            return
        shutil.rmtree(self._folder / session_id / "frames", ignore_errors=True)

    def clip_path(self, session_id: str) -> Path:
        """Where the session's clip is once it is made."""
        return self._folder / session_id / "clip.mkv"

    def _check_complete(self, session_id: str, clip: HostClip) -> None:
        if not clip.takes_frames:
            raise FrameRangeError(
                f"host session {session_id} was opened without frames: nothing to make a clip of"
            )
        wanted = range(clip.first_time, clip.first_time + clip.frame_count)
        if missing := sorted(set(wanted) - self._times(session_id)):
            raise FrameRangeError(
                f"host session {session_id} lacks {len(missing)} of {clip.frame_count} frames, "
                f"the first at time {missing[0]}: send the missing ones"
            )

    def _clip(self, session_id: str) -> HostClip:
        path = self._folder / checked_session_id(session_id) / "session.json"
        try:
            return HostClip.from_dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise MediaNotFoundError(
                f"no host session has the id {session_id!r}: open it, and send its frames again"
            ) from error

    def _times(self, session_id: str) -> set[int]:
        # A power cut may leave a frame shorter than it was: it counts as not sent.
        size = self._clip(session_id).frame_bytes
        frames = (self._folder / session_id / "frames").glob("*.rgb")
        return {int(path.stem) for path in frames if path.stat().st_size == size}

    def _frame_path(self, session_id: str, time_: int) -> Path:
        return self._folder / session_id / "frames" / f"{time_}.rgb"

    def _read(self, session_id: str, clip: HostClip, time_: int) -> ndarray:
        sample = np.dtype("<u2") if clip.sample_bytes == 2 else np.dtype(np.uint8)
        pixels = np.fromfile(self._frame_path(session_id, time_), sample)
        return pixels.reshape(clip.height, clip.width, 3)

    def _check_room(self, clip: HostClip) -> None:
        free = shutil.disk_usage(self._folder).free
        if free < self._min_free_bytes + 2 * clip.frame_bytes:
            raise DiskFullError(
                f"the disk of {self._folder} has {free // 2**20} MiB left, too little for more "
                "frames of a host: make room, or analyse a shorter range"
            )


class _StoppedError(Exception):
    """The client went away while its clip was made."""


def _format(clip: HostClip) -> OutputFormat:
    return OutputFormat(
        width=clip.width,
        height=clip.height,
        rate=clip.rate,
        pixel_format="rgb48le" if clip.sample_bytes == 2 else "rgb24",
        sample_aspect=clip.pixel_aspect,
    )


def _write_whole(path: Path, content: bytes | bytearray) -> None:
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(content)
    part.replace(path)
