"""Opening media files: every failure of the library becomes one of our errors, here."""

from __future__ import annotations

from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from peanut_daemon.errors import (
    MediaLimitError,
    MediaNotFoundError,
    MediaUnreadableError,
    NoVideoError,
)
from peanut_daemon.media import limits
from peanut_daemon.media.colour import ColourTags

# What editors and cameras write, single pictures for clean plates, and sound for a clear answer.
# FFmpeg has 250 readers more: of lists that name other files (one waits for ever for the next), of
# text as art, and of games that nobody has tested in years.
_CONTAINERS = (
    *("mov", "mp4", "matroska", "webm", "mxf", "avi", "mpegts", "mpeg", "mpegvideo", "m4v", "dv"),
    *("h264", "hevc", "vvc", "av1", "obu", "ivf", "ogg", "asf", "flv", "gxf", "lxf", "nut", "r3d"),
    *("dnxhd", "mjpeg", "yuv4mpegpipe", "gif", "cine", "dirac", "apng", "image2"),
    *("png_pipe", "jpeg_pipe", "tiff_pipe", "exr_pipe", "dpx_pipe", "bmp_pipe", "webp_pipe"),
    *("j2k_pipe", "jpegxl_pipe", "hdr_pipe", "psd_pipe", "wav", "w64", "aiff", "mp3", "aac"),
    *("flac", "ac3", "eac3", "caf"),
)

_OPTIONS = {
    # A media file never makes the daemon read from the network, whatever it refers to.
    "protocol_whitelist": "file",
    "format_whitelist": ",".join(_CONTAINERS),
    # Opening one decodes its first pictures, so their size is bounded there already.
    "max_pixels": str(limits.MAX_PIXELS),
}


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
        MediaLimitError: too many streams.
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
    try:
        limits.check_streams(container, path)
    except MediaLimitError:
        container.close()
        raise
    return container


def video_stream_of(container: InputContainer, path: Path) -> VideoStream:
    """The first video stream that is no cover picture.

    Raises:
        NoVideoError: there is none.
        MediaLimitError: its pictures are too large.
        MediaUnreadableError: there is one, but what it holds cannot be told.
    """
    for stream in container.streams.video:
        if stream.disposition & Disposition.attached_pic:
            continue
        context = stream.codec_context
        if context is None or context.width < 1 or context.height < 1 or not context.pix_fmt:
            raise MediaUnreadableError(
                f"the video of {path} cannot be read (codec unknown, or the file is cut off or "
                f"damaged, or has pictures of more than {limits.MAX_PIXELS // 1_000_000} million "
                "pixels): check that it plays, and copy it again"
            )
        limits.limit_pixels(stream, path)
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
