"""The one table that turns errors into gRPC statuses."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass

import grpc

from peanut_daemon import errors
from peanut_models import errors as model_errors
from peanut_models.zoo import errors as zoo_errors

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Status:
    """How an error is told: its code, and whether the same call may succeed later."""

    code: grpc.StatusCode
    retryable: bool = False


_C = grpc.StatusCode

STATUS: dict[type[Exception], Status] = {
    errors.InvalidRequestError: Status(_C.INVALID_ARGUMENT),
    errors.PromptError: Status(_C.INVALID_ARGUMENT),
    errors.MaskSizeError: Status(_C.INVALID_ARGUMENT),
    errors.LimitExceededError: Status(_C.RESOURCE_EXHAUSTED),
    errors.MediaError: Status(_C.FAILED_PRECONDITION),
    errors.MediaNotFoundError: Status(_C.NOT_FOUND),
    errors.NoVideoError: Status(_C.FAILED_PRECONDITION),
    errors.MediaUnreadableError: Status(_C.FAILED_PRECONDITION),
    errors.UnsupportedMediaError: Status(_C.FAILED_PRECONDITION),
    errors.MediaLimitError: Status(_C.FAILED_PRECONDITION),
    errors.MediaTimeoutError: Status(_C.FAILED_PRECONDITION),
    errors.OutputError: Status(_C.FAILED_PRECONDITION),
    errors.OutputExistsError: Status(_C.ALREADY_EXISTS),
    errors.OutputNotWritableError: Status(_C.FAILED_PRECONDITION),
    errors.DiskFullError: Status(_C.RESOURCE_EXHAUSTED, retryable=True),
    errors.JournalError: Status(_C.UNAVAILABLE, retryable=True),
    errors.JournalDamagedError: Status(_C.DATA_LOSS),
    errors.WontFitError: Status(_C.RESOURCE_EXHAUSTED),
    errors.EditNotFoundError: Status(_C.NOT_FOUND),
    errors.JobNotFoundError: Status(_C.NOT_FOUND),
    errors.NothingToUndoError: Status(_C.FAILED_PRECONDITION),
    errors.NotApprovedError: Status(_C.FAILED_PRECONDITION),
    errors.JobStateError: Status(_C.FAILED_PRECONDITION),
    errors.QueueFullError: Status(_C.RESOURCE_EXHAUSTED, retryable=True),
    errors.JobCancelledError: Status(_C.CANCELLED),
    errors.WorkerCrashedError: Status(_C.INTERNAL),
    errors.WorkerRestartingError: Status(_C.UNAVAILABLE, retryable=True),
    errors.ShuttingDownError: Status(_C.UNAVAILABLE, retryable=True),
    errors.FolderInUseError: Status(_C.FAILED_PRECONDITION),
    errors.UnauthenticatedError: Status(_C.UNAUTHENTICATED),
    errors.ForeignRequestError: Status(_C.PERMISSION_DENIED),
    errors.PathRefusedError: Status(_C.PERMISSION_DENIED),
    errors.RateLimitedError: Status(_C.RESOURCE_EXHAUSTED, retryable=True),
    errors.ExposedFilesError: Status(_C.FAILED_PRECONDITION),
    errors.VersionMismatchError: Status(_C.FAILED_PRECONDITION),
    errors.ArtifactDamagedError: Status(_C.FAILED_PRECONDITION, retryable=True),
    model_errors.InvalidInputError: Status(_C.INVALID_ARGUMENT),
    model_errors.FrameRangeError: Status(_C.OUT_OF_RANGE),
    model_errors.ModelNotFoundError: Status(_C.NOT_FOUND),
    model_errors.WeightsMissingError: Status(_C.FAILED_PRECONDITION),
    model_errors.UnsupportedDeviceError: Status(_C.FAILED_PRECONDITION),
    model_errors.OutOfDeviceMemoryError: Status(_C.RESOURCE_EXHAUSTED, retryable=True),
    zoo_errors.PullError: Status(_C.FAILED_PRECONDITION),
    zoo_errors.LicenceNotAcceptedError: Status(_C.FAILED_PRECONDITION),
    zoo_errors.NoAddressError: Status(_C.FAILED_PRECONDITION),
    zoo_errors.SourceRefusedError: Status(_C.FAILED_PRECONDITION),
    zoo_errors.SourceUnreachableError: Status(_C.UNAVAILABLE, retryable=True),
    zoo_errors.WrongSizeError: Status(_C.FAILED_PRECONDITION),
    zoo_errors.WrongHashError: Status(_C.FAILED_PRECONDITION),
    zoo_errors.StoreFullError: Status(_C.RESOURCE_EXHAUSTED, retryable=True),
    zoo_errors.StoreBusyError: Status(_C.RESOURCE_EXHAUSTED, retryable=True),
}


def status_of(kind: type[BaseException]) -> Status | None:
    """The status of an error's class; None for one that nobody raises on purpose."""
    return next((STATUS[base] for base in kind.__mro__ if base in STATUS), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error as clients are told it, whatever they speak."""

    status: Status
    reason: str
    message: str
    incident_id: str = ""


def refusal_of(error: BaseException) -> Refusal:
    """What a client is told of an error; one that nobody expected goes to the log only."""
    status = status_of(type(error))
    if status is not None:
        return Refusal(status=status, reason=type(error).__name__, message=str(error))
    incident = uuid.uuid4().hex[:8]
    logger.error("incident %s", incident, exc_info=error)
    return Refusal(
        status=Status(_C.INTERNAL),
        reason="InternalError",
        message=f"something unexpected went wrong in the daemon (incident {incident}): "
        "its log has the details; please report them",
        incident_id=incident,
    )


def is_retryable(reason: str) -> bool:
    """Whether an error of that class name may go away by itself."""
    kind = errors.error_named(reason)
    status = status_of(kind) if kind else None
    return status is not None and status.retryable
