"""Timelines and their items: the five ways in which Resolve counts frames."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from support.fake_resolve.pool import PoolItem
from support.fake_resolve.remote import SURFACE, Markers, Model

DEFAULT_PROPERTIES = {"ZoomX": 1.0, "ZoomY": 1.0, "Pan": 0.0, "Tilt": 0.0, "Opacity": 100.0}


class Item(Model, Markers):
    """A clip in a timeline.

    `source_first` counts from the head of the file at the media's rate; `start` is absolute.
    """

    kind = "TimelineItem"

    def __init__(
        self,
        timeline: Timeline,
        pool_item: PoolItem | None,
        *,
        start: int,
        length: int,
        source_first: int = 0,
        speed: Fraction = Fraction(1),
        name: str = "",
    ) -> None:
        Model.__init__(self, timeline.app)
        Markers.__init__(self)
        self.timeline, self.pool_item = timeline, pool_item
        self.start, self.length, self.source_first = start, length, source_first
        self.speed = speed
        self.name = name or (pool_item.name if pool_item else "Solid Color")
        self.colour = ""
        self.enabled = True
        self.hollow = False
        self.properties = dict(DEFAULT_PROPERTIES)
        self.grade: str = "none"
        self.fusion_comps = 0
        self.take_list: list[tuple[PoolItem, int, int]] = []
        self.selected = 0
        self.original: tuple[PoolItem, int] | None = None

    @property
    def ratio(self) -> Fraction:
        """Media frames per timeline frame, at the item's speed."""
        rate = self.pool_item.media.rate if self.pool_item else self.timeline.rate
        return rate / self.timeline.rate * self.speed

    def source_frame_at(self, record: int) -> int:
        """The frame of the file that is seen at an absolute record frame."""
        return self.source_first + math.floor((record - self.start) * self.ratio)

    def marker_frames(self) -> range:
        """Counted from the head of the file, in the retimed domain."""
        left = self._left()
        return range(left, left + self.length)

    def _left(self) -> int:
        return math.floor(self.source_first / self.speed)

    def GetName(self) -> Any:
        return None if self.hollow else self.name

    def SetName(self, name: str) -> bool:
        self.name = name
        return True

    def GetUniqueId(self) -> str:
        return "" if self.hollow else self.id

    def GetStart(self, subframe: bool = False) -> Any:
        return None if self.hollow else self.start

    def GetEnd(self, subframe: bool = False) -> Any:
        return None if self.hollow else self.start + self.length

    def GetDuration(self, subframe: bool = False) -> Any:
        return None if self.hollow else self.length

    def GetLeftOffset(self, subframe: bool = False) -> Any:
        # Whole numbers come as floats from the Lua side.
        return None if self.hollow else float(self._left())

    def GetRightOffset(self, subframe: bool = False) -> Any:
        if self.hollow or self.pool_item is None:
            return None
        used = self.source_first + self.length * self.ratio
        return float(math.floor((self.pool_item.media.frames - used) / self.speed))

    def GetSourceStartFrame(self) -> Any:
        if self.hollow:
            return None
        if self.app.source_unknown:
            return 0
        return self.source_first + (self.app.source_start_error if self._same_rate() else 0)

    def GetSourceEndFrame(self) -> Any:
        if self.hollow:
            return None
        if self.app.source_unknown:
            return 0
        end = self.source_first + math.floor(self.length * self.ratio)
        if self._same_rate():
            return end + self.app.source_start_error
        return self.source_first + math.ceil(self.length * self.ratio) - 1

    def _same_rate(self) -> bool:
        return self.pool_item is None or self.pool_item.media.rate == self.timeline.rate

    def GetSpeed(self) -> dict[str, Any]:
        return {"Percentage": float(self.speed * 100)}

    def GetType(self) -> str:
        return "video" if self.pool_item else "generator"

    def GetMediaPoolItem(self) -> Any:
        return None if self.hollow else self.pool_item

    def GetTrackTypeAndIndex(self) -> list[Any]:
        for number, track in enumerate(self.timeline.tracks, 1):
            if self in track.items:
                return ["video", number]
        return []

    def GetClipEnabled(self) -> bool:
        return self.enabled

    def GetClipColor(self) -> Any:
        return None if self.hollow else self.colour

    def SetClipColor(self, colour: str) -> bool:
        if self.hollow or colour not in SURFACE["clip_colours"]:
            return False
        if self.pool_item is not None:
            self.colour = colour
        return True  # also where nothing was coloured: generators

    def GetFusionCompCount(self) -> int:
        return self.fusion_comps

    def CopyGrades(self, items: list[Item]) -> bool:
        for item in items:
            item.grade = self.grade
        return True

    def GetProperties(self) -> dict[str, Any]:
        return dict(self.properties)

    def GetProperty(self, name: str | None = None) -> Any:
        return dict(self.properties) if name is None else self.properties.get(name)

    def SetProperty(self, name: str, value: Any) -> bool:
        if name not in self.properties:
            return False
        self.properties[name] = value
        return name != "AnchorPointX"

    def GetTakesCount(self) -> int:
        return len(self.take_list)

    def GetSelectedTakeIndex(self) -> int:
        return self.selected

    def GetTakeByIndex(self, index: int) -> dict[str, Any]:
        clip, first, end = self.take_list[index - 1]
        return {"mediaPoolItem": clip, "startFrame": first, "endFrame": end}

    def AddTake(self, clip: PoolItem, first: int = 0, end: int = 0) -> bool:
        if not self.app.takes_work:
            return False
        frames = self.app.counted(first, end)
        if first < 0 or first + frames > clip.media.frames:
            return False
        if not self.take_list:
            assert self.pool_item is not None
            own = (self.pool_item, self.source_first, self.source_first + self.length)
            self.take_list, self.selected = [own], 1
        self.take_list.append((clip, first, first + frames))
        return True

    def SelectTakeByIndex(self, index: int) -> bool:
        if not 1 <= index <= len(self.take_list):
            return False
        self.selected = index
        self.pool_item, self.source_first, end = self.take_list[index - 1]
        self.length = end - self.source_first
        return True

    def DeleteTakeByIndex(self, index: int) -> bool:
        if not 1 <= index <= len(self.take_list) or index == self.selected:
            return False
        del self.take_list[index - 1]
        return True


@dataclass(eq=False)
class Track:
    """A video track."""

    name: str
    items: list[Item] = field(default_factory=list)
    locked: bool = False
    enabled: bool = True


class Timeline(Model, Markers):
    """A timeline; `start` is the frame count of its first label."""

    kind = "Timeline"

    def __init__(
        self, app: Any, name: str, rate: Fraction, start: int, label: str, *, drop_frame: bool
    ) -> None:
        Model.__init__(self, app)
        Markers.__init__(self)
        self.name, self.rate, self.start, self.label = name, rate, start, label
        self.drop_frame = drop_frame
        self.tracks = [Track("Video 1")]
        self.marks: tuple[int, int] | None = None
        self.playhead: int | None = None
        self.selection: list[Item] = []
        self.failed_deletes = 0

    def marker_frames(self) -> range:
        """Offsets from the start."""
        return range(0, max(1, self.end() - self.start))

    def end(self) -> int:
        """The record frame after the last item."""
        ends = [i.start + i.length for t in self.tracks for i in t.items if not i.hollow]
        return max(ends, default=self.start)

    def put(self, track: int, item: Item) -> Item:
        """Lay an item on a track, making the tracks below it."""
        while len(self.tracks) < track:
            self.tracks.append(Track(f"Video {len(self.tracks) + 1}"))
        self.tracks[track - 1].items.append(item)
        return item

    def _track(self, kind: str, number: Any) -> Track | None:
        is_there = kind == "video" and 1 <= number <= len(self.tracks)
        return self.tracks[int(number) - 1] if is_there else None

    def GetName(self) -> str:
        return self.name

    def GetStartFrame(self) -> float:
        return float(self.start)

    def GetEndFrame(self) -> int:
        return self.end()

    def GetStartTimecode(self) -> str:
        return self.label

    def GetSetting(self, name: str = "") -> Any:
        text = f"{float(self.rate):.3f}".rstrip("0").rstrip(".")
        return {
            "timelineFrameRate": f"{text} DF" if self.drop_frame else text,
            "timelineDropFrameTimecode": "1" if self.drop_frame else "0",
        }.get(name)

    def GetTrackCount(self, kind: str) -> int:
        return len(self.tracks) if kind == "video" else 0

    def GetItemListInTrack(self, kind: str, number: int) -> Any:
        track = self._track(kind, number)
        if track is None:
            return None
        return sorted(track.items, key=lambda item: item.start) or None

    def GetTrackName(self, kind: str, number: int) -> Any:
        track = self._track(kind, number)
        return track.name if track else None

    def SetTrackName(self, kind: str, number: int, name: str) -> bool:
        track = self._track(kind, number)
        if track is None:
            return False
        track.name = name
        return True

    def GetIsTrackEnabled(self, kind: str, number: int) -> Any:
        track = self._track(kind, number)
        return track.enabled if track else None

    def GetIsTrackLocked(self, kind: str, number: int) -> Any:
        track = self._track(kind, number)
        return track.locked if track else None

    def AddTrack(self, kind: str, options: Any = None) -> bool:
        self.tracks.append(Track(f"Video {len(self.tracks) + 1}"))
        return True

    def DeleteTrack(self, kind: str, number: int) -> bool:
        track = self._track(kind, number)
        if track is None or track.locked:
            return False
        self.tracks.remove(track)
        return True

    def DeleteClips(self, items: list[Item], ripple: bool = False) -> bool:
        if self.app.page != "edit":
            return False
        if self.failed_deletes:
            self.failed_deletes -= 1
            return False
        for item in items:
            track = next((t for t in self.tracks if item in t.items), None)
            if track is None or track.locked:
                return False
            track.items.remove(item)
        return True

    def GetSelectedClips(self) -> Any:
        return list(self.selection) or None

    def GetMarkInOut(self) -> dict[str, Any]:
        if self.marks is None:
            return {"video": {}, "audio": {}}
        return {"video": {"in": self.marks[0], "out": self.marks[1]}, "audio": {}}

    def GetCurrentVideoItem(self) -> Any:
        if self.playhead is None:
            return None
        for track in reversed(self.tracks):
            for item in track.items:
                if item.start <= self.playhead < item.start + item.length:
                    return item
        return None

    def Export(self, path: str, kind: Any, nothing: Any = None) -> bool:
        if kind != self.app.export_number("EXPORT_OTIO"):
            return False
        document = {"OTIO_SCHEMA": "Timeline.1", "name": self.name, "metadata": {}}
        Path(path).write_text(json.dumps(document))
        return True
