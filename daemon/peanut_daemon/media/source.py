"""Opening media files: every failure of the library becomes one of our errors, here."""

from __future__ import annotations

from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from peanut_daemon.errors import MediaNotFoundError, MediaUnreadableError, NoVideoError
from peanut_daemon.media.colour import ColourTags

# Demuxers that "succeed" on files that are no media: text art, and lists that name other files.
_NOT_MEDIA = frozenset({"tty", "concat", "hls", "dash", "sdp", "imf"})

# A media file never makes the daemon read from the network, whatever it refers to.
_OPTIONS = {"protocol_whitelist": "file"}


def checked_file(path: Path) -> Path:
    """The absolute path, if there is a file.

    Raises:
        MediaNotFoundError: nothing there.
        MediaUnreadableError: a folder or a device.
    """
    # Absolute, so that a name such as "concat:a" is never read as a protocol.
    absolute = path.absolute()
    try:
        if absolute.is_file():
            return absolute
        exists = absolute.exists()
    except OSError as error:
        raise MediaUnreadableError(f"cannot look at {path}: {error.strerror}") from error
    if exists:
        raise MediaUnreadableError(
            f"{path} is not a file: give the path of one media file (image sequences are read "
            "from a movie file; convert them first)"
        )
    raise MediaNotFoundError(
        f"no file at {path}: check the path, and that the disk it lies on is mounted here"
    )


def open_input(path: Path, *, generate_pts: bool = False) -> InputContainer:
    """Open a media file for reading; the caller closes it.

    Raises:
        MediaNotFoundError, MediaUnreadableError: as `checked_file`; or it is not media.
    """
    absolute = checked_file(path)
    options = dict(_OPTIONS)
    if generate_pts:
        options["fflags"] = "+genpts"
    try:
        absolute.open("rb").close()
    except OSError as error:
        raise MediaUnreadableError(
            f"cannot open {path} ({error.strerror}): give the daemon's user read access"
        ) from error
    try:
        container = av.open(str(absolute), "r", options=options, metadata_errors="replace")
    except (av.FFmpegError, ValueError, OSError) as error:
        raise MediaUnreadableError(
            f"{path} is not a media file, or it is cut off or damaged ({reason_of(error)}): "
            "check that it plays, and copy it again"
        ) from error
    if container.format.name in _NOT_MEDIA:
        container.close()
        raise MediaUnreadableError(
            f"{path} is not a media file (it looks like {container.format.name}): give a movie file"
        )
    return container


def video_stream_of(container: InputContainer, path: Path) -> VideoStream:
    """The first video stream that is no cover picture.

    Raises:
        NoVideoError: there is none.
        MediaUnreadableError: there is one, but what it holds cannot be told.
    """
    for stream in container.streams.video:
        if stream.disposition & Disposition.attached_pic:
            continue
        context = stream.codec_context
        if context is None or context.width < 1 or context.height < 1 or not context.pix_fmt:
            raise MediaUnreadableError(
                f"the video of {path} cannot be read (codec unknown, or the file is cut off or "
                "damaged): check that it plays, and copy it again"
            )
        return stream
    raise NoVideoError(f"{path} has no video stream: give a file with pictures")


def colour_of(stream: VideoStream) -> ColourTags:
    """The stream's colour tags, as found."""
    context = stream.codec_context
    return ColourTags(
        primaries=int(context.color_primaries),
        transfer=int(context.color_trc),
        matrix=int(context.colorspace),
        range=int(context.color_range),
    )


def reason_of(error: BaseException) -> str:
    """The library's words for what went wrong, without the path."""
    return str(getattr(error, "strerror", None) or error)
