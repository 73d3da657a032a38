"""A Resolve for tests: its version, its edition, its habits, and one project.

It stands for what is documented and what others measured, not for what we wish: see the facts
named in docs/davinci.md. Only Resolve itself can say the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

from support.fake_resolve.pool import Folder, Media, Pool, PoolItem
from support.fake_resolve.remote import SURFACE, Model, Remote
from support.fake_resolve.timelines import Item, Timeline

__all__ = ["FakeResolve", "Folder", "Item", "Media", "PoolItem", "Timeline"]


class FakeResolve(Model):
    """The application.

    Args:
        version: for example (20, 3, 2).
        studio: the paid edition.
        inclusive: how `endFrame` counts.
    """

    kind = "Resolve"

    def __init__(
        self,
        version: tuple[int, int, int] = (20, 3, 2),
        *,
        studio: bool = True,
        inclusive: bool = False,
        rate: Fraction = Fraction(24000, 1001),
        start: int = 86400,
        label: str = "01:00:00:00",
        drop_frame: bool = False,
    ) -> None:
        self._ids = 0
        super().__init__(self)
        self.version, self.studio, self.inclusive = version, studio, inclusive
        self.page = "color"
        self.calls: list[tuple[str, str, tuple[Any, ...]]] = []
        self.media: dict[str, Media] = {}
        self.probe: Callable[[str], Media | None] = lambda path: None
        # Habits that tests switch on.
        self.project_window_open = False
        self.modal_open = False
        self.takes_work = False
        self.source_start_error = 0
        self.source_unknown = False
        self.audio_appended = 0
        self.pool = Pool(self)
        timeline = Timeline(self, "Cut 1", rate, start, label, drop_frame=drop_frame)
        self.project = Project(self, timeline)

    # --- for tests ---

    @property
    def timeline(self) -> Timeline:
        """The open timeline."""
        return self.project.timeline

    @property
    def is_blocked(self) -> bool:
        """Whether a window stands in the way of every call."""
        return self.project_window_open or self.modal_open

    @property
    def runs_python(self) -> bool:
        """Whether the menu lists Python scripts."""
        return self.studio or self.version < (21, 1, 0)

    def new_id(self) -> str:
        """An id that nothing has."""
        self._ids += 1
        return f"id-{self._ids}"

    def add_media(self, media: Media, *, is_file: bool = True) -> PoolItem:
        """A clip in the master bin."""
        self.media[media.path] = media
        clip = PoolItem(self, media, is_file=is_file)
        self.pool.root.clips.append(clip)
        return clip

    def media_at(self, path: str) -> Media | None:
        """What lies at a path."""
        return self.media.get(path) or self.probe(path)

    def counted(self, first: int, end: int) -> int:
        """How many frames `startFrame` and `endFrame` mean in this version."""
        return end - first + (1 if self.inclusive else 0)

    def export_number(self, name: str) -> float:
        """Numbers of constants differ between copies; only the live object knows."""
        return 40.0 + list(SURFACE["exports"]).index(name) + self.version[1]

    def names(self) -> dict[str, Any]:
        """Globals of a script that runs inside."""
        fusion = _Fusion(self)
        bmd = SimpleNamespace(UIDispatcher=None)
        return {"resolve": Remote(self), "fusion": fusion, "fu": fusion, "bmd": bmd}

    # --- the API ---

    def GetVersion(self) -> list[Any]:
        return [*map(float, self.version), 7.0, ""]

    def GetVersionString(self) -> str:
        return ".".join(map(str, (*self.version, 7)))

    def GetProductName(self) -> str:
        return "DaVinci Resolve Studio" if self.studio else "DaVinci Resolve"

    def IsStudio(self) -> bool:
        return self.studio

    def OpenPage(self, name: str) -> bool:
        if name not in SURFACE["pages"]:
            return False
        self.page = name
        return True

    def GetCurrentPage(self) -> str:
        return self.page

    def GetProjectManager(self) -> Any:
        return ProjectManager(self)

    def Fusion(self) -> Any:
        return _Fusion(self)


class _Fusion:
    """Root of Fusion; in the free edition since 19.1, asking for windows opens an offer to buy."""

    def __init__(self, app: FakeResolve) -> None:
        self._app = app

    @property
    def UIManager(self) -> Any:
        if not self._app.studio and self._app.version >= (19, 1, 0):
            self._app.modal_open = True
            return None
        return getattr(self._app, "ui", None)


class ProjectManager(Model):
    """The manager."""

    kind = "ProjectManager"

    def GetCurrentProject(self) -> Any:
        return self.app.project


class Project(Model):
    """The one project."""

    kind = "Project"

    def __init__(self, app: FakeResolve, timeline: Timeline) -> None:
        super().__init__(app)
        self.name = "Film"
        self.timelines = [timeline]
        self.timeline = timeline

    def GetName(self) -> str:
        return self.name

    def GetMediaPool(self) -> Pool:
        return self.app.pool

    def GetCurrentTimeline(self) -> Timeline:
        return self.timeline

    def SetCurrentTimeline(self, timeline: Timeline) -> bool:
        self.timeline = timeline
        return True

    def GetTimelineCount(self) -> int:
        return len(self.timelines)

    def GetTimelineByIndex(self, index: int) -> Any:
        return self.timelines[index - 1] if 1 <= index <= len(self.timelines) else None

    def GetSetting(self, name: str = "") -> Any:
        return self.timeline.GetSetting(name)
