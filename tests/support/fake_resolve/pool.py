"""Media and the pool."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from support.fake_resolve.remote import SURFACE, Model


@dataclass(kw_only=True)
class Media:
    """A file, as Resolve sees it."""

    path: str
    rate: Fraction
    frames: int
    start_tc: str = "01:00:00:00"
    properties: dict[str, str] = field(default_factory=dict)


class PoolItem(Model):
    """A clip of the pool."""

    kind = "MediaPoolItem"

    def __init__(self, app: Any, media: Media, *, name: str = "", is_file: bool = True) -> None:
        super().__init__(app)
        self.media = media
        self.name = name or media.path.rpartition("/")[2]
        self.is_file = is_file
        self.properties = {
            "File Path": media.path if is_file else "",
            "FPS": float(f"{float(media.rate):.3f}"),
            "Frames": str(media.frames),
            "Start TC": media.start_tc,
            "Drop frame": "1" if ";" in media.start_tc else "0",
            "Proxy": "None",
            "Proxy Media Path": "",
            "Data Level": "Auto",
            "Input Color Space": "",
            "Type": "Video" if is_file else "Zusammengesetzter Clip",
            **media.properties,
        }
        self.third_party: dict[str, str] = {}
        self.metadata: dict[str, str] = {}

    def GetName(self) -> str:
        return self.name

    def GetClipProperty(self, name: str | None = None) -> Any:
        return dict(self.properties) if name is None else self.properties.get(name, "")

    def SetClipProperty(self, name: str, value: str) -> bool:
        if name not in SURFACE["writable_clip_properties"]:
            return False
        self.properties[name] = value
        return True

    def SetThirdPartyMetadata(self, values: dict[str, str]) -> bool:
        self.third_party.update(values)
        return True

    def GetThirdPartyMetadata(self, key: str | None = None) -> Any:
        return dict(self.third_party) if key is None else self.third_party.get(key)

    def SetMetadata(self, values: dict[str, str]) -> bool:
        self.metadata.update(values)
        return True

    def GetMetadata(self, key: str | None = None) -> Any:
        return dict(self.metadata) if key is None else self.metadata.get(key, "")


class Folder(Model):
    """A bin."""

    kind = "Folder"

    def __init__(self, app: Any, name: str) -> None:
        super().__init__(app)
        self.name = name
        self.clips: list[PoolItem] = []
        self.folders: list[Folder] = []

    def GetName(self) -> str:
        return self.name

    def GetClipList(self) -> Any:
        return list(self.clips) or None

    def GetSubFolderList(self) -> Any:
        return list(self.folders) or None


class Pool(Model):
    """The media pool of the one project."""

    kind = "MediaPool"

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self.root = Folder(app, "Master")
        self.current = self.root

    def GetRootFolder(self) -> Folder:
        return self.root

    def AddSubFolder(self, folder: Folder, name: str) -> Folder:
        folder.folders.append(Folder(self.app, name))
        return folder.folders[-1]

    def GetCurrentFolder(self) -> Folder:
        return self.current

    def SetCurrentFolder(self, folder: Folder) -> bool:
        self.current = folder
        return True

    def ImportMedia(self, paths: list[str]) -> Any:
        new = []
        for path in paths:
            media = self.app.media_at(path)
            if media is None or any(c.media.path == path for c in self.current.clips):
                continue
            self.current.clips.append(PoolItem(self.app, media))
            new.append(self.current.clips[-1])
        return new or None

    def DeleteClips(self, clips: list[PoolItem]) -> bool:
        for folder in self._all(self.root):
            folder.clips = [clip for clip in folder.clips if clip not in clips]
        return True

    def _all(self, folder: Folder) -> list[Folder]:
        return [folder, *(f for child in folder.folders for f in self._all(child))]

    def AppendToTimeline(self, infos: list[dict[str, Any]]) -> Any:
        numbers = ("startFrame", "endFrame", "recordFrame")
        if any(info[n] != int(info[n]) for info in infos for n in numbers if n in info):
            return None  # one fraction, and the whole batch is gone
        return [self._append(info) for info in infos]

    def _append(self, info: dict[str, Any]) -> Any:
        from support.fake_resolve.timelines import Item

        timeline = self.app.project.timeline
        clip: PoolItem = info["mediaPoolItem"]
        if info.get("mediaType") != 1:
            self.app.audio_appended += 1
        placed_by_frame = self.app.version >= (18, 5, 0)
        number = int(info.get("trackIndex", 1)) if placed_by_frame else 1
        if not 1 <= number <= len(timeline.tracks) or timeline.tracks[number - 1].locked:
            return None
        first = int(info["startFrame"])
        frames = self.app.counted(first, int(info["endFrame"]))
        if first < 0 or frames < 1 or first + frames > clip.media.frames:
            return None
        record = int(info.get("recordFrame", timeline.end())) if placed_by_frame else timeline.end()
        length = math.floor(frames * timeline.rate / clip.media.rate)
        item = Item(timeline, clip, start=record, length=length, source_first=first)
        track = timeline.tracks[number - 1]
        item.hollow = any(
            other.start < record + length and record < other.start + other.length
            for other in track.items
        )
        track.items.append(item)
        return item

    def ImportTimelineFromFile(self, path: str, options: dict[str, Any] | None = None) -> Any:
        from support.fake_resolve.imports import imported

        name = (options or {}).get("timelineName", "")
        if any(t.name == name for t in self.app.project.timelines):
            return None
        timeline = imported(self.app, path, name)
        if timeline is not None:
            self.app.project.timelines.append(timeline)
        return timeline

    def CreateEmptyTimeline(self, name: str) -> Any:
        project = self.app.project
        if any(t.name == name for t in project.timelines):
            return None
        made = type(project.timeline)(
            self.app,
            name,
            project.timeline.rate,
            project.timeline.start,
            project.timeline.label,
            drop_frame=project.timeline.drop_frame,
        )
        project.timelines.append(made)
        project.timeline = made
        return made

    def DeleteTimelines(self, timelines: list[Any]) -> bool:
        project = self.app.project
        if project.timeline in timelines:
            return False
        project.timelines = [t for t in project.timelines if t not in timelines]
        return True
