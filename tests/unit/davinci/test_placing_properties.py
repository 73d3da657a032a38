"""Anywhere, at any rate, in any version: the result is exact, or refused without a trace."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fake_resolve.stage import build_stage, mismatches, results

from peanut_davinci import flows
from peanut_davinci.errors import HostError

RATES = [Fraction(n) for n in (24, 25, 30, 50)] + [
    Fraction(24000, 1001),
    Fraction(30000, 1001),
    Fraction(60000, 1001),
]
VERSIONS = [(18, 5, 0), (19, 0, 2), (19, 1, 3), (20, 3, 2), (21, 0, 4), (21, 1, 0)]


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_exact_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    draw = data.draw
    rate = draw(st.sampled_from(RATES))
    media_rate = draw(st.one_of(st.just(rate), st.sampled_from(RATES)))
    first = draw(st.integers(0, 30))
    length = draw(st.integers(1, 60))
    here: Any = build_stage(
        tmp_path,
        draw(st.sampled_from(VERSIONS)),
        inclusive=draw(st.booleans()),
        rate=rate,
        start=round(rate) * 3600,
        media_rate=media_rate,
        frames=first + int(length * media_rate / rate) + 1 + draw(st.integers(0, 20)),
        first=first,
        length=length,
        at=draw(st.integers(0, 1000)),
    )
    if draw(st.booleans()):
        begin = here.item.start - here.timeline.start
        cut = sorted((draw(st.integers(0, length - 1)), draw(st.integers(0, length - 1))))
        here.timeline.marks = (begin + cut[0], begin + cut[1])
    before = [[item.id for item in track.items] for track in here.timeline.tracks]
    resolve, project = flows.opened(here.app.names())
    try:
        placed = flows.remove_object(resolve, project, here.ui, here.peanut)
    except HostError:
        placed = []
    if not placed:
        assert media_rate != rate, here.said
        assert [[item.id for item in track.items] for track in here.timeline.tracks] == before
        return
    (ticket,) = placed
    (result,) = results(here)
    shot = ticket["shot"]
    assert mismatches(here, here.item, result, shot["first"]) == []
    assert [result.start, result.start + result.length] == [
        shot["record_start"],
        shot["record_end"],
    ]
    if media_rate == rate and here.timeline.marks and here.app.version >= (19, 1, 0):
        assert result.start == here.timeline.start + here.timeline.marks[0]
        assert result.length == here.timeline.marks[1] - here.timeline.marks[0] + 1
    else:
        assert (result.start, result.length) == (here.item.start, here.item.length)
