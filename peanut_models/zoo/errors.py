"""What can go wrong while weights are fetched.

    PullError                       anything below
    |- LicenceNotAcceptedError      the licence restricts use, and nobody said yes to it
    |- NoAddressError               the publisher offers no plain address; a browser is needed
    |- SourceRefusedError           the server answered, but not with the file: 404, a web page
    |- SourceUnreachableError       no answer, cut off or too slow, after every attempt
    |- WrongSizeError               another number of bytes than published
    |- WrongHashError               other contents than published, or than at the first pull
    |- StoreFullError               too little room on the disk, before or while writing
    `- StoreBusyError               another process fetches the same model

Every message says what is wrong, with which file, the value given, and what to do.
"""

from __future__ import annotations

from peanut_models.errors import ModelError


class PullError(ModelError):
    """Base of what can go wrong while weights are fetched."""

    retryable = False
    """Whether the same command may succeed later."""


class LicenceNotAcceptedError(PullError):
    """The licence restricts what results may be used for, and nobody said yes to it."""


class NoAddressError(PullError):
    """The publisher offers the file at no plain address: a browser has to get it."""


class SourceRefusedError(PullError):
    """The server answered, but not with the file."""


class SourceUnreachableError(PullError):
    """No answer, cut off, or too slow, after every attempt; what came is kept."""

    retryable = True


class WrongSizeError(PullError):
    """The file has another number of bytes than the published one."""


class WrongHashError(PullError):
    """The file has other contents than the published one, or than at the first pull."""


class StoreFullError(PullError):
    """Too little room on the disk, before or while writing; what came is kept."""

    retryable = True


class StoreBusyError(PullError):
    """Another process fetches the same model."""

    retryable = True
