"""What can go wrong inside the daemon (`status.py` turns it into gRPC statuses).

    DaemonError                     anything below
    |- InvalidRequestError          a request that cannot be fulfilled (also a ValueError)
    |  |- PromptError               a prompt outside the picture, or none that is positive
    |  |- MaskSizeError             a mask whose size is not the clip's
    |  `- LimitExceededError        more prompts, targets, edits or text than the daemon takes
    |- MediaError                   something about a media file
    |  |- MediaNotFoundError        no file at that path
    |  |- NoVideoError              the file has no video stream
    |  |- MediaUnreadableError      not a media file, truncated, or damaged
    |  |- UnsupportedMediaError     readable, but of a kind that is refused (with the way round)
    |  |- MediaLimitError           more pixels, frames or streams than any clip has
    |  `- MediaTimeoutError         looking at it takes longer than it may
    |- OutputError                  the deliverable cannot be written
    |  |- OutputExistsError         something is there already and may not be replaced
    |  |- OutputNotWritableError    no such folder, or no right to write there
    |  `- DiskFullError             too little room, before or while writing
    |- ArtifactDamagedError         a committed window is missing or damaged on disk
    |- JournalError                 the journal cannot be read or written
    |  `- JournalDamagedError       it is damaged beyond what the database mends by itself
    |- WontFitError                 the work needs more memory than there is
    |- EditNotFoundError, JobNotFoundError
    |- NothingToUndoError           no earlier or later state of the prompts
    |- NotApprovedError             a render was asked for before the matte was approved
    |- JobStateError                the job's state does not allow that
    |- QueueFullError               too many jobs wait already
    |- JobCancelledError            the job was cancelled
    |- WorkerCrashedError           the worker died again and again on the same piece of work
    |- WorkerRestartingError        the worker is being restarted
    |- ShuttingDownError            the daemon is draining
    |- FolderInUseError             another daemon has the data folder
    |- UnauthenticatedError         the token is missing or wrong
    |- ForeignRequestError          a browser asks on behalf of another site
    |- PathRefusedError             a path that clients of this daemon may not name
    |- RateLimitedError             more calls than one client may make; has when to try again
    |- ExposedFilesError            other users can read or change what must stay secret
    `- VersionMismatchError         client and daemon speak different versions

Every message says what is wrong, with which thing, the value given, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from peanut_models.errors import ModelError


class DaemonError(Exception):
    """Base of every error that the daemon raises on purpose."""


class InvalidRequestError(DaemonError, ValueError):
    """A request that no state of the daemon could fulfil; fix the call."""


class PromptError(InvalidRequestError):
    """A prompt outside the picture or the range, or no positive prompt at all."""


class MaskSizeError(InvalidRequestError):
    """A mask whose size is not the clip's."""


class LimitExceededError(InvalidRequestError):
    """More prompts, targets, edits or text than the daemon takes; send less, or delete some."""


class MediaError(DaemonError):
    """Something about a media file."""


class MediaNotFoundError(MediaError):
    """No file at that path."""


class NoVideoError(MediaError):
    """The file has no video stream."""


class MediaUnreadableError(MediaError):
    """Not a media file, truncated, or damaged."""


class UnsupportedMediaError(MediaError):
    """Readable, but of a kind that is refused; the message has the way round."""


class MediaLimitError(MediaError):
    """More pixels, frames or streams than any clip has; nothing of it is decoded."""


class MediaTimeoutError(MediaError):
    """Looking at the file takes longer than it may; whoever looked was ended."""


class OutputError(DaemonError):
    """The deliverable cannot be written."""


class OutputExistsError(OutputError):
    """Something is there already and may not be replaced."""


class OutputNotWritableError(OutputError):
    """No such folder, or no right to write there."""


class DiskFullError(OutputError):
    """Too little room on the disk, before or while writing."""


class ArtifactDamagedError(DaemonError):
    """A committed window is missing or damaged on disk; resuming the job computes it again."""

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.key = key


class JournalError(DaemonError):
    """The journal cannot be read or written."""


class JournalDamagedError(JournalError):
    """The journal is damaged beyond what the database mends by itself."""


class WontFitError(DaemonError):
    """The work needs more memory than there is; the message names a setting that would fit."""


class EditNotFoundError(DaemonError):
    """No edit has that id."""


class JobNotFoundError(DaemonError):
    """No job has that id."""


class NothingToUndoError(DaemonError):
    """There is no earlier or later state of the prompts to go to."""


class NotApprovedError(DaemonError):
    """A render was asked for before the matte was approved."""


class JobStateError(DaemonError):
    """The job's state does not allow that."""


class QueueFullError(DaemonError):
    """Too many jobs wait already; wait and retry."""


class JobCancelledError(DaemonError):
    """The job was cancelled."""


class WorkerCrashedError(DaemonError):
    """The worker died again and again on the same piece of work."""


class WorkerRestartingError(DaemonError):
    """The worker is being restarted; retry with backoff."""


class ShuttingDownError(DaemonError):
    """The daemon is draining; retry once it is back."""


class FolderInUseError(DaemonError):
    """Another daemon has the data folder; it keeps it, this one gives way."""


class UnauthenticatedError(DaemonError):
    """The token is missing or wrong."""


class PathRefusedError(DaemonError):
    """A path that clients of this daemon may not name, whether something is there or not."""


class RateLimitedError(DaemonError):
    """More calls than one client may make, or more at once; wait `retry_after_s` and retry."""

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ExposedFilesError(DaemonError):
    """Other users can read or change what must stay secret; the message has the command."""


class ForeignRequestError(DaemonError):
    """A browser asks on behalf of another site, or under a name that is not this machine's."""


class VersionMismatchError(DaemonError):
    """Client and daemon speak different versions of the contract."""


def error_classes() -> Iterator[type[Exception]]:
    """Every class of error that the daemon and the models raise on purpose."""
    pending: list[type[Exception]] = [DaemonError, ModelError]
    while pending:
        kind = pending.pop()
        yield kind
        pending += kind.__subclasses__()


def error_named(name: str) -> type[Exception] | None:
    """The class of that name; None for one that nobody raises on purpose."""
    return next((kind for kind in error_classes() if kind.__name__ == name), None)


def raise_reported(reason: str, message: str, *, expected: bool) -> NoReturn:
    """Raise what the worker reported as an error of its own class again."""
    kind = error_named(reason) if expected else None
    if kind is None:
        raise RuntimeError(f"{reason}: {message}")
    raise kind(message)
