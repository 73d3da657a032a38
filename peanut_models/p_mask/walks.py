"""In which order frames are visited: walks away from anchors, and sweeps that share frames.

A walk is one target's way from an anchor over the frames that follow from it. Walks of all targets
in one direction over the same frames make one sweep, so that each frame is encoded once for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from peanut_models.p_mask.clicks import fresh
from peanut_models.ranges import FrameRange
from peanut_models.tracking import TargetPrompts, parts_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """One target's way.

    Attributes:
        origin: the anchor it leaves.
        indices: the frames it visits, in order; not empty, no anchor among them.
        part: the stretch it lies in.
    """

    origin: int
    indices: range
    part: FrameRange

    @property
    def backward(self) -> bool:
        """Whether it goes towards the first frame."""
        return self.indices.step < 0


def walks_of(target: TargetPrompts, playhead: int | None) -> list[Walk]:
    """All walks of a target; together they visit each frame but the anchors once.

    Between two anchors the way leads forward; where only the later one was corrected, it leads
    back from there, so that the correction spreads and may die out.
    """
    corrected = set(fresh(target))
    walks = []
    for part in parts_of(target, playhead):
        anchors = [k for k in target.anchors() if k in part]
        first, last = anchors[0], anchors[-1]
        ways = [(first, range(first - 1, part.start - 1, -1)), (last, range(last + 1, part.end))]
        for a, b in pairwise(anchors):
            if b in corrected and a not in corrected:
                ways.append((b, range(b - 1, a, -1)))
            else:
                ways.append((a, range(a + 1, b)))
        walks += [Walk(origin=a, indices=way, part=part) for a, way in ways if len(way)]
    return walks


def joined(
    items: Sequence[tuple[int, Walk]],
) -> list[list[tuple[int, Walk]]]:
    """Walks, each with its owner's number, grouped into sweeps: one direction, shared frames."""
    sweeps: list[list[tuple[int, Walk]]] = []
    for backward in (False, True):
        same_way = [item for item in items if item[1].backward == backward]
        end = -1
        for item in sorted(same_way, key=lambda item: (_low(item[1]), item[0])):
            if not sweeps or _low(item[1]) >= end or sweeps[-1][0][1].backward != backward:
                sweeps.append([])
                end = -1
            sweeps[-1].append(item)
            end = max(end, _high(item[1]) + 1)
    return sweeps


def nearest(spans: Sequence[tuple[int, int]], playhead: int) -> int:
    """Which of some spans (lowest and highest frame left) is nearest the playhead; first of equals.

    A span that holds the playhead is nearest of all.
    """

    def distance(k: int) -> int:
        low, high = spans[k]
        return max(low - playhead, playhead - high, 0)

    return min(range(len(spans)), key=distance)


def _low(walk: Walk) -> int:
    return min(walk.indices[0], walk.indices[-1])


def _high(walk: Walk) -> int:
    return max(walk.indices[0], walk.indices[-1])
