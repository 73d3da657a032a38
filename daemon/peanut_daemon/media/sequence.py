"""Image sequences: numbered files that together are one clip."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from peanut_daemon.errors import MediaNotFoundError, MediaUnreadableError
from peanut_daemon.media import limits
from peanut_daemon.media.colour import ColourTags

DECODERS = {
    ".exr": "exr", ".dpx": "dpx", ".png": "png", ".tif": "tiff", ".tiff": "tiff",
    ".jpg": "mjpeg", ".jpeg": "mjpeg",
}  # fmt: skip
"""Decoder by suffix of what a sequence can consist of."""

_PLACE = re.compile(r"%(?:0(\d+))?d|(#+)")
_NUMBERED = re.compile(r"(.*?)(\d+)(\.[A-Za-z]+)")
# Of each file of a sequence, at either end: headers and the last lines.
_FINGERPRINT_BYTES = 1 << 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """Numbered files without a gap.

    Attributes:
        folder: absolute.
        prefix, suffix: the name around the number.
        digits: how many the number has at least.
        first: number of frame 0.
        count: frames.
    """

    folder: Path
    prefix: str
    suffix: str
    digits: int
    first: int = 0
    count: int = 0

    @property
    def pattern(self) -> Path:
        """The path that stands for all files, such as "shot.%04d.exr"."""
        place = f"%0{self.digits}d" if self.digits > 1 else "%d"
        return self.folder / f"{self.prefix}{place}{self.suffix}"

    def path_of(self, number: int) -> Path:
        """The file with that number."""
        return self.folder / f"{self.prefix}{number:0{self.digits}d}{self.suffix}"

    def numbers_there(self) -> list[int]:
        """Numbers of the files that exist, in order.

        Raises:
            MediaNotFoundError: the folder cannot be listed.
        """
        head, tail = len(self.prefix), len(self.suffix)
        found = []
        for name in _names_in(self.folder):
            text = name[head : len(name) - tail]
            if not (text.isascii() and text.isdigit()) or name != self.path_of(int(text)).name:
                continue
            found.append(int(text))
        return sorted(found)


def pattern_of(path: Path) -> Sequence | None:
    """The sequence that a path such as "shot.%04d.exr" or "shot.####.exr" names; no file is seen.

    None where the name has no place for a number, or is no kind of file that can be numbered.
    """
    places = list(_PLACE.finditer(path.name))
    if len(places) != 1 or path.suffix.lower() not in DECODERS:
        return None
    place = places[0]
    digits = int(place[1] or 1) if place[2] is None else len(place[2])
    prefix, suffix = path.name[: place.start()], path.name[place.end() :]
    return Sequence(folder=path.absolute().parent, prefix=prefix, suffix=suffix, digits=digits)


def find_sequence(path: Path) -> Sequence | None:
    """The sequence at a path: a pattern, or a folder with one sequence; None for any other path.

    Raises:
        MediaNotFoundError: a pattern of which there is no file.
        MediaUnreadableError: frames are missing, or the folder holds no or several sequences.
    """
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
    except OSError as error:  # A name longer than the system knows, or a folder that is closed.
        raise MediaUnreadableError(f"cannot look at {path}: {error.strerror}") from error
    named = pattern_of(path) if not is_file else None
    if named is None:
        if not is_folder:
            return None
        named = _only_one_in(path.absolute())
    numbers = named.numbers_there()
    if not numbers:
        raise MediaNotFoundError(
            f"no file is named like {path}: check the folder, and how many digits the numbers have"
        )
    missing = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))
    if missing:
        raise MediaUnreadableError(
            f"{named.pattern} goes from {numbers[0]} to {numbers[-1]}, but {len(missing)} of its "
            f"files are missing ({_runs(missing)}): render or copy those again"
        )
    return Sequence(
        folder=named.folder,
        prefix=named.prefix,
        suffix=named.suffix,
        digits=named.digits,
        first=numbers[0],
        count=len(numbers),
    )


def fingerprint_of_sequence(sequence: Sequence) -> str:
    """SHA-256 (hex) over numbers, sizes, and both ends of every file.

    Raises:
        MediaUnreadableError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for number in range(sequence.first, sequence.first + sequence.count):
        path = sequence.path_of(number)
        try:
            size = path.stat().st_size
            with path.open("rb") as file:
                digest.update(number.to_bytes(8, "big") + size.to_bytes(8, "big"))
                digest.update(file.read(_FINGERPRINT_BYTES))
                file.seek(max(0, size - _FINGERPRINT_BYTES))
                digest.update(file.read(_FINGERPRINT_BYTES))
        except OSError as error:
            raise MediaUnreadableError(f"cannot read {path}: {error.strerror}") from error
    return digest.hexdigest()


class SequenceDecoder:
    """Decodes one file per frame.

    Attributes:
        picture: width, height and pixel format of the first file.
        colour: its tags.
        rate: frames per second as its header says; None where it does not.
        sample_aspect: width of a pixel over its height.
        timecode: of frame 0, as its header says; empty where it does not.
    """

    def __init__(self, sequence: Sequence) -> None:
        self._sequence = sequence
        frame, context = self._decoded(0)
        self.picture = (frame.width, frame.height, frame.format.name)
        self.colour = ColourTags(
            primaries=int(frame.color_primaries),
            transfer=int(frame.color_trc),
            matrix=int(frame.colorspace),
            range=int(frame.color_range),
        )
        self.rate: Fraction | None = context.framerate or None
        self.sample_aspect = context.sample_aspect_ratio or Fraction(1)
        self.timecode = _timecode_of(frame)

    def close(self) -> None:
        """Nothing is held open."""

    def decode(self, frame_index: int) -> av.VideoFrame:
        """The picture of that frame.

        Raises:
            MediaUnreadableError: its file cannot be read or decoded.
        """
        with limits.watched(f"frame {frame_index} of {self._sequence.pattern}"):
            return self._decoded(frame_index)[0]

    def _decoded(self, frame_index: int) -> tuple[av.VideoFrame, av.VideoCodecContext]:
        path = self._sequence.path_of(self._sequence.first + frame_index)
        context = av.CodecContext.create(DECODERS[path.suffix.lower()], "r")
        assert isinstance(context, av.VideoCodecContext)
        context.options = {"max_pixels": str(limits.MAX_PIXELS)}
        try:
            data = path.read_bytes()
            frames = [*context.decode(av.Packet(data)), *context.decode(None)]
        except (av.FFmpegError, ValueError, OSError) as error:
            raise MediaUnreadableError(
                f"{path} (frame {frame_index}) cannot be decoded ({error}): it is cut off, damaged "
                "or of another kind than its name says; render or copy it again"
            ) from error
        if len(frames) != 1 or frames[0].is_corrupt:
            raise MediaUnreadableError(
                f"{path} (frame {frame_index}) holds no whole picture: render or copy it again"
            )
        return frames[0], context


def _refuse_unless_one(found: list[Sequence], folder: Path) -> None:
    if len(found) == 1:
        return
    if not found:
        raise MediaUnreadableError(
            f"{folder} is a folder without numbered pictures ({', '.join(DECODERS)}): give a "
            "media file, or the folder or pattern of an image sequence"
        )
    names = ", ".join(sorted(sequence.pattern.name for sequence in found)[:6])
    raise MediaUnreadableError(
        f"{folder} holds several image sequences ({names}): give the pattern of one of them"
    )


def _only_one_in(folder: Path) -> Sequence:
    digits: dict[tuple[str, str], set[int]] = {}
    for name in _names_in(folder):
        match = _NUMBERED.fullmatch(name)
        if match is not None and match[3].lower() in DECODERS and not name.startswith("."):
            digits.setdefault((match[1], match[3]), set()).add(len(match[2]))
    found = [
        Sequence(folder=folder, prefix=prefix, suffix=suffix, digits=min(widths))
        for (prefix, suffix), widths in digits.items()
    ]
    _refuse_unless_one(found, folder)
    return found[0]


def _timecode_of(frame: av.VideoFrame) -> str:
    """What the header says; empty where it says nothing, or has text that nobody can read."""
    try:
        return str(frame.metadata.get("timecode", ""))
    except UnicodeDecodeError:
        # The library decodes all of a header's texts or none.
        return ""


def _names_in(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir()]
    except OSError as error:
        raise MediaNotFoundError(
            f"cannot list the folder {folder} ({error.strerror}): check the path, and that the "
            "disk it lies on is mounted here"
        ) from error


def _runs(numbers: list[int]) -> str:
    """Numbers as runs, such as "12-18, 40"; not more than a line of them."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    words = [f"{a}" if a == b else f"{a}-{b}" for a, b in runs]
    return ", ".join(words[:8]) + (", ..." if len(words) > 8 else "")
