"""A Resolve with one clip, and all that a script needs to work on it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from support.fake_resolve.fake import FakeResolve, Item, Media
from support.fake_resolve.peanut import FakePeanut
from support.fake_resolve.remote import Remote

from peanut_davinci.panel import Console
from peanut_davinci.resolve_api import Resolve

Stage = SimpleNamespace


def build_stage(
    folder: Path,
    version: tuple[int, int, int] = (20, 3, 2),
    *,
    media_rate: Fraction | None = None,
    frames: int = 120,
    first: int = 40,
    length: int = 48,
    at: int = 30,
    speed: Fraction = Fraction(1),
    **settings: Any,
) -> Stage:
    """The clip lies on the first track, `at` frames after the start, under the playhead."""
    app = FakeResolve(version, **settings)
    path = folder / "A001.mov"
    path.write_bytes(b"only looked for")
    media = Media(
        path=str(path),
        rate=media_rate or app.timeline.rate,
        frames=frames,
        start_tc=settings.get("label", "01:00:00:00"),
        properties={"Data Level": "Full", "Input Color Space": "Rec.709 (Scene)"},
    )
    clip = app.add_media(media)
    timeline = app.timeline
    item = timeline.put(
        1,
        Item(
            timeline,
            clip,
            start=timeline.start + at,
            length=length,
            source_first=first,
            speed=speed,
        ),
    )
    timeline.playhead = item.start
    said: list[str] = []
    return Stage(
        app=app,
        clip=clip,
        item=item,
        timeline=timeline,
        peanut=FakePeanut(app, str(folder)),
        said=said,
        ui=Console(said.append),
        resolve=Resolve(Remote(app)),
        folder=folder,
    )


def results(stage: Stage) -> list[Item]:
    """Items of the timeline that show a deliverable."""
    return [
        item
        for track in stage.timeline.tracks
        for item in track.items
        if item.pool_item is not None and item.pool_item.media.path != stage.clip.media.path
    ]


def mismatches(stage: Stage, original: Item, result: Item, first: int) -> list[int]:
    """Record frames at which the result does not show the frame of the file that it stands for."""
    shown = range(result.start, result.start + result.length)
    return [r for r in shown if first + result.source_frame_at(r) != original.source_frame_at(r)]
