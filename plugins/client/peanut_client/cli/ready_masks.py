"""Masks that the user already has: a folder of numbered PNGs, or one PNG for every frame."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from peanut.v1 import edits_pb2, frames_pb2
from peanut_client.cli.failures import CliError

_LAST_NUMBER = re.compile(r"(\d+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyMasks:
    """Where the mask of each frame lies."""

    # The folder or the one file, as the user gave it.
    path: Path
    # Frame index -> file; empty where `path` itself is the mask of every frame.
    by_frame: dict[int, Path]

    def prompts(self, frames: frames_pb2.FrameRange) -> Iterator[edits_pb2.Prompt]:
        """A mask prompt for every frame of a range.

        Raises:
            CliError: a frame has no mask, or a file cannot be read.
        """
        indices = range(frames.start_frame, frames.end_frame)
        if not self.by_frame:
            png = _read(self.path)
            for index in indices:
                yield _prompt(index, png)
            return
        self._check(indices)
        for index in indices:
            yield _prompt(index, _read(self.by_frame[index]))

    def _check(self, indices: range) -> None:
        missing = [index for index in indices if index not in self.by_frame]
        if missing:
            raise CliError(
                "MaskNotFoundError",
                f"frame {missing[0]} has no mask in {self.path} "
                f"({len(missing)} of the range's {len(indices)} frames have none): "
                f"add {missing[0]:05d}.png, or choose frames that have one with --range",
            )


def find_ready_masks(path: Path, option: str = "--masks") -> ReadyMasks:
    """See which masks lie at a path.

    Raises:
        CliError: there is nothing, no numbered PNG, or two for one frame.
    """
    if path.is_file():
        return ReadyMasks(path=path, by_frame={})
    if not path.is_dir():
        raise CliError(
            "MaskNotFoundError",
            f"{option} {path} does not exist: give a folder of PNGs numbered by frame "
            "(00012.png), or one PNG for every frame",
        )
    by_frame: dict[int, Path] = {}
    for file in sorted(path.iterdir()):
        number = _LAST_NUMBER.search(file.stem)
        if file.suffix.lower() != ".png" or number is None or file.name.startswith("."):
            continue
        other = by_frame.setdefault(int(number[1]), file)
        if other != file:
            raise CliError(
                "MaskAmbiguousError",
                f"frame {int(number[1])} has two masks in {path}, {other.name} and {file.name}: "
                "keep one",
            )
    if not by_frame:
        raise CliError(
            "MaskNotFoundError",
            f"{option} {path} holds no PNG whose name ends in a frame number: "
            "name them by the frame's index in the clip, for example 00012.png",
        )
    return ReadyMasks(path=path, by_frame=by_frame)


def _prompt(frame_index: int, png: bytes) -> edits_pb2.Prompt:
    return edits_pb2.Prompt(frame_index=frame_index, mask=edits_pb2.MaskPrompt(png=png))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CliError(
            "MaskNotFoundError",
            f"mask {file} cannot be read: {error.strerror or error}; allow reading it",
        ) from error
