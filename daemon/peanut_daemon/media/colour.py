"""Colour tags of a stream and what they mean for code values.

Numbers are those of ITU-T H.273 (and so of every codec and container here). Nothing that a file
leaves unspecified is filled in: tags are carried as found, and the assumption that pictures need
(`matrix_for`) is made where it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peanut_daemon.errors import UnsupportedMediaError

UNSPECIFIED = 2
RANGE_UNSPECIFIED, RANGE_LIMITED, RANGE_FULL = 0, 1, 2
MATRIX_RGB = 0
TRANSFER_LINEAR, TRANSFER_PQ = 8, 16

_PRIMARIES = {
    1: "bt709", 2: "unspecified", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m",
    8: "film", 9: "bt2020", 10: "smpte428", 11: "smpte431", 12: "smpte432", 22: "ebu3213",
}  # fmt: skip
_TRANSFERS = {
    1: "bt709", 2: "unspecified", 4: "gamma22", 5: "gamma28", 6: "smpte170m", 7: "smpte240m",
    8: "linear", 9: "log100", 10: "log316", 11: "iec61966-2-4", 12: "bt1361e", 13: "srgb",
    14: "bt2020-10", 15: "bt2020-12", 16: "pq", 17: "smpte428", 18: "hlg",
}  # fmt: skip
_MATRICES = {
    0: "rgb", 1: "bt709", 2: "unspecified", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m",
    8: "ycgco", 9: "bt2020nc", 10: "bt2020c", 11: "smpte2085", 12: "chroma-derived-nc",
    13: "chroma-derived-c", 14: "ictcp",
}  # fmt: skip
_RANGES = {0: "unspecified", 1: "limited", 2: "full"}

_LUMA_WEIGHTS = {
    1: (0.2126, 0.0722), 4: (0.30, 0.11), 5: (0.299, 0.114), 6: (0.299, 0.114),
    7: (0.212, 0.087), 9: (0.2627, 0.0593),
}  # fmt: skip
"""Red and blue weights of luma, by matrix; green has the rest."""


@dataclass(frozen=True, slots=True)
class ColourTags:
    """What a stream says about its colours, as H.273 code points.

    Attributes:
        primaries, transfer, matrix: 2 is "unspecified".
        range: 0 unspecified, 1 limited ("video", 16-235), 2 full (0-255).
    """

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    matrix: int = UNSPECIFIED
    range: int = RANGE_UNSPECIFIED

    @property
    def primaries_name(self) -> str:
        """Such as "bt709"."""
        return _PRIMARIES.get(self.primaries, f"code {self.primaries}")

    @property
    def transfer_name(self) -> str:
        """Such as "bt709", "pq" or "hlg"."""
        return _TRANSFERS.get(self.transfer, f"code {self.transfer}")

    @property
    def matrix_name(self) -> str:
        """Such as "bt709" or "bt2020nc"."""
        return _MATRICES.get(self.matrix, f"code {self.matrix}")

    @property
    def range_name(self) -> str:
        """One of "unspecified", "limited" and "full"."""
        return _RANGES.get(self.range, f"code {self.range}")

    def to_dict(self) -> dict[str, Any]:
        """Numbers and, for readers, names."""
        return {
            "primaries": self.primaries, "primaries_name": self.primaries_name,
            "transfer": self.transfer, "transfer_name": self.transfer_name,
            "matrix": self.matrix, "matrix_name": self.matrix_name,
            "range": self.range, "range_name": self.range_name,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ColourTags:
        """The tags that `to_dict` wrote; names are ignored."""
        return cls(
            primaries=int(values["primaries"]), transfer=int(values["transfer"]),
            matrix=int(values["matrix"]), range=int(values["range"]),
        )  # fmt: skip


def matrix_for(tags: ColourTags, height: int) -> int:
    """The matrix of YUV pictures: the tagged one, else 601 below 720 lines and 709 from there on.

    Raises:
        UnsupportedMediaError: a matrix that is no plain weighting of R, G and B.
    """
    if tags.matrix in _LUMA_WEIGHTS:
        return tags.matrix
    # "rgb" on a YUV picture is a muxer's mistake, seen in the wild; it says nothing.
    if tags.matrix in (UNSPECIFIED, MATRIX_RGB):
        return 6 if height < 720 else 1
    raise UnsupportedMediaError(
        f"colour matrix {tags.matrix_name} (H.273 code {tags.matrix}) is not supported: convert "
        "the clip to bt709, smpte170m or bt2020nc first, for example to ProRes"
    )


def luma_weights(matrix: int) -> tuple[float, float, float]:
    """Weights of R, G and B in luma; they sum to 1."""
    red, blue = _LUMA_WEIGHTS[matrix]
    return red, 1.0 - red - blue, blue
