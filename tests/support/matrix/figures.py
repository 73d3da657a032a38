"""The figures of one cell: what a job changed that it should not have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy import ndarray
from support.matrix.cells import PATCH, Cell
from support.matrix.inspect import Facts, audio_of, decoded, facts_of, planar
from support.matrix.road import Made, run_job
from support.matrix.sources import make_source

from peanut_daemon.media import ClipReader, OutputFormat, writer_of
from peanut_daemon.media.codecs import CODECS
from peanut_daemon.media.formats import stored_as
from peanut_daemon.media.layout import Layout, components_of, layout_of
from peanut_daemon.media.pictures import PictureStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Differences in code values are outside the matte, over all components.

    Attributes:
        outside_max, outside_mean: result against source.
        plain_max, plain_mean: a plain re-encode against the source; 0 where nothing is lost.
        inside_changed: share of the samples wholly under the matte that are not the source's.
        late_ms: how far any frame is from where the source shows it.
        audio_same: the result's packets are a run of the source's; None without sound.
    """

    source: Facts
    result: Facts
    outside_max: float
    outside_mean: float
    plain_max: float
    plain_mean: float
    inside_changed: float
    late_ms: float
    audio_same: bool | None


def figures_of(cell: Cell, folder: Path) -> Figures:
    """Make a cell's source, run its job, and measure with other programs."""
    path = make_source(cell, folder)
    made = run_job(cell, path, folder)
    result = made.outputs.deliverable
    source_facts, result_facts = facts_of(path, cell.rate), facts_of(result, cell.rate)
    matte = decoded(made.outputs.matte, "gray", cell.size, cell.rate)[0]
    if cell.deliver == PATCH:
        measured = _alpha_outside(result, result_facts, matte, cell)
        plain = (0.0, 0.0, 0.0)
    elif cell.exact:
        measured = _against_source(path, made, matte, cell)
        plain = (0.0, 0.0, 0.0)
    else:
        measured, plain = _against_plain(path, made, result_facts, matte, cell, folder)
    has_sound = cell.audio is not None and cell.deliver != PATCH
    return Figures(
        source=source_facts,
        result=result_facts,
        outside_max=measured[0],
        outside_mean=measured[1],
        plain_max=plain[0],
        plain_mean=plain[1],
        inside_changed=measured[2],
        late_ms=_late_ms(source_facts, result_facts, made.frame_range.start),
        audio_same=_is_run_of(audio_of(result), audio_of(path)) if has_sound else None,
    )


def _against_source(path: Path, made: Made, matte: ndarray, cell: Cell) -> tuple[float, ...]:
    """Both decoded by ffmpeg to the source's own code values."""
    layout = layout_of(made.clip.pixel_format)
    name = planar(layout)
    before = decoded(path, name, cell.size, cell.rate)
    after = decoded(made.outputs.deliverable, name, cell.size, cell.rate)
    return _differences([c[made.frame_range.start :] for c in before], after, matte, layout)


def _against_plain(
    path: Path, made: Made, facts: Facts, matte: ndarray, cell: Cell, folder: Path
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Result, and a plain re-encode, against what the encoder was given for an untouched frame."""
    output = OutputFormat.of(made.clip, first_frame=made.frame_range.start)
    plain = folder / f"plain{made.outputs.deliverable.suffix}"
    stored, colour = stored_as(CODECS[cell.codec], output)
    ideal = PictureStore(output, stored, colour)
    frames = []
    with ClipReader.of(made.clip) as reader, writer_of(plain, cell.codec, output) as writer:
        for source in reader.frames(made.frame_range):
            writer.write(source)
            frames.append(ideal.frame_of(source))
    given = [np.stack(parts) for parts in zip(*map(components_of, frames), strict=True)]
    layout = layout_of(facts.pixel_format)
    name = planar(layout)
    if layout.bits > stored.bits:
        # ffmpeg decodes ProRes 4444 to 12 bits, whatever it was given.
        given = [part.astype(np.float64) * (1 << layout.bits - stored.bits) for part in given]
    ours, theirs = (
        _differences(given, decoded(target, name, cell.size, cell.rate), matte, layout)
        for target in (made.outputs.deliverable, plain)
    )
    return ours, theirs


def _alpha_outside(path: Path, facts: Facts, matte: ndarray, cell: Cell) -> tuple[float, ...]:
    """How far a host that lays the patch over the source is from it: alpha where it must be 0."""
    layout = layout_of(facts.pixel_format)
    alpha = decoded(path, planar(layout), cell.size, cell.rate)[-1].astype(np.float64)
    outside = alpha[matte == 0]
    return float(outside.max()), float(outside.mean()), float((alpha[matte == 255] > 0).mean())


def _differences(
    before: Sequence[ndarray], after: Sequence[ndarray], matte: ndarray, layout: Layout
) -> tuple[float, float, float]:
    """Largest and mean outside, and the share that changed wholly inside."""
    worst, total, count, changed, inside_count = 0.0, 0.0, 0, 0, 0
    colours = 3 if layout.family != "gray" else 1
    for index, (a, b) in enumerate(zip(before, after, strict=True)):
        assert a.shape == b.shape, (a.shape, b.shape)
        across, down = layout.subsampling if index in (1, 2) and layout.family == "yuv" else (1, 1)
        touched = _blocks(matte > 0, across, down, np.any)
        covered = _blocks(matte == 255, across, down, np.all)
        difference = np.abs(a.astype(np.float64) - b.astype(np.float64))
        outside = difference[~touched]
        worst, total, count = max(worst, outside.max()), total + outside.sum(), count + outside.size
        if index < colours:
            changed += int((difference[covered] > 0).sum())
            inside_count += int(covered.sum())
    return float(worst), total / count, changed / inside_count


def _blocks(mask: ndarray, across: int, down: int, join: object) -> ndarray:
    n, height, width = mask.shape
    shaped = mask.reshape(n, height // down, down, width // across, across)
    return np.asarray(join(shaped, axis=(2, 4)))  # type: ignore[operator]


def _late_ms(source: Facts, result: Facts, first: int) -> float:
    wanted = [time - source.times[first] for time in source.times[first:]]
    found = [time - result.times[0] for time in result.times]
    assert len(wanted) == len(found), (len(wanted), len(found))
    return float(max(abs(a - b) for a, b in zip(wanted, found, strict=True)) * 1000)


def _is_run_of(part: list[str], whole: list[str]) -> bool:
    places = range(len(whole) - len(part) + 1)
    return bool(part) and any(whole[k : k + len(part)] == part for k in places)
