"""Plots of the page, as SVG: shapes only, coloured by the page's own styles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

WIDTH, HEIGHT = 720, 200
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 28
# A point per pixel and a half is as fine as anybody can see.
MOST_POINTS = 480
GRID_LINES = 4

Series = Sequence[float | None]


def areas(first_frame: int, shares: Mapping[str, Series]) -> str:
    """Shares by frame, stacked; the page colours class "area KIND"."""
    kinds = {kind: _thinned(values) for kind, values in shares.items()}
    stacked = np.cumsum([np.nan_to_num(values) for values in kinds.values()], axis=0)
    top = _round_up(float(stacked[-1].max()) if stacked.size else 0.0)
    frames = len(next(iter(shares.values())))
    shapes = []
    lower = np.zeros(stacked.shape[1])
    for kind, upper in zip(kinds, stacked, strict=True):
        there, back = _points(upper, top), _points(lower, top)[::-1]
        shapes.append(f'<polygon class="area {kind}" points="{" ".join([*there, *back])}"/>')
        lower = upper
    return _framed(shapes, first_frame, frames, top, percent=True)


def lines(first_frame: int, values: Mapping[str, Series], *, mark: float) -> str:
    """Figures by frame; the page colours class "line KIND".

    Args:
        first_frame: of the clip.
        values: None where there is none.
        mark: where a line is drawn across, to compare with.
    """
    kinds = {kind: _thinned(series) for kind, series in values.items()}
    known = [mark * 1.25, *(float(v) for s in kinds.values() for v in s if not np.isnan(v))]
    top = _round_up(max(known))
    frames = len(next(iter(values.values())))
    shapes = [_across(mark, top)]
    for kind, series in kinds.items():
        for run in _runs(_points(series, top), series):
            if len(run) == 1:
                x, y = run[0].split(",")
                shapes.append(f'<circle class="dot {kind}" cx="{x}" cy="{y}" r="2"/>')
            else:
                shapes.append(f'<polyline class="line {kind}" points="{" ".join(run)}"/>')
    return _framed(shapes, first_frame, frames, top, percent=False)


def _thinned(values: Series) -> np.ndarray:
    """At most `MOST_POINTS`, each the largest of those that it stands for."""
    array = np.array([np.nan if value is None else value for value in values], np.float64)
    if array.size <= MOST_POINTS:
        return array
    parts = np.array_split(array, MOST_POINTS)
    return np.array([np.nan if np.isnan(part).all() else np.nanmax(part) for part in parts])


def _points(values: np.ndarray, top: float) -> list[str]:
    step = (WIDTH - LEFT - RIGHT) / max(1, len(values) - 1)
    return [f"{LEFT + k * step:.1f},{_y(value, top):.1f}" for k, value in enumerate(values)]


def _runs(points: list[str], values: np.ndarray) -> list[list[str]]:
    """Points between gaps."""
    runs: list[list[str]] = [[]]
    for point, value in zip(points, values, strict=True):
        if np.isnan(value):
            runs.append([])
        else:
            runs[-1].append(point)
    return [run for run in runs if run]


def _y(value: float, top: float) -> float:
    if np.isnan(value):
        return float(HEIGHT - BOTTOM)
    return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)


def _across(value: float, top: float) -> str:
    y = _y(value, top)
    return f'<line class="mark" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'


def _framed(shapes: list[str], first_frame: int, frames: int, top: float, *, percent: bool) -> str:
    """The shapes with their axes: values on the left, frames below."""
    drawn = []
    for k in range(GRID_LINES + 1):
        value = top * k / GRID_LINES
        y = _y(value, top)
        label = f"{value * 100:.3g} %" if percent else f"{value:.3g}"
        drawn.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="axis" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
        )
    below = HEIGHT - 8
    last = first_frame + frames - 1
    drawn.append(
        f'<text class="axis" x="{LEFT}" y="{below}">frame {first_frame}</text>'
        f'<text class="axis" x="{WIDTH - RIGHT}" y="{below}" text-anchor="end">{last}</text>'
    )
    inside = "".join([*drawn, *shapes])
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{inside}</svg>'


def _round_up(value: float) -> float:
    """A round number not below the value; 1 for nothing."""
    if value <= 0:
        return 1.0
    unit = 10.0 ** np.floor(np.log10(value))
    return float(next(step * unit for step in (1, 2, 4, 5, 8, 10) if step * unit >= value * 0.999))
