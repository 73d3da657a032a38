"""Every call of Resolve's scripting API, in one place: here and in `resolve_items`.

The API raises nothing: calls answer False or None, unknown names read as None, lists may be None,
and whole numbers may come as floats. Here they get one meaning each: None where nothing is known,
`[]` for no list, int for whole numbers. Frames are returned in the space that Resolve gives them
in; the names say which:

    record   absolute frame of the timeline (01:00:00:00 at 24 is 86400)
    mark     after the timeline's start (in/out marks, timeline markers)
    source   from the head of the media file, at the media's rate
"""

from peanut_davinci.resolve_call import ask, listed, whole
from peanut_davinci.resolve_items import Clip, Item

__all__ = ["Clip", "Item", "Pool", "Project", "Resolve", "Timeline"]


class Resolve(object):
    """The application."""

    def __init__(self, raw):
        self.raw = raw

    def version(self):
        """(major, minor, patch)."""
        parts = listed(ask(self.raw, "GetVersion"))[:3]
        return tuple(whole(part) or 0 for part in parts + [0] * (3 - len(parts)))

    def version_text(self):
        """As Resolve writes it."""
        return str(ask(self.raw, "GetVersionString") or ".".join(map(str, self.version())))

    def is_studio(self):
        """Whether it is the paid edition."""
        return "studio" in str(ask(self.raw, "GetProductName") or "").lower()

    def open_edit_page(self):
        """Show the Edit page, which deleting and placing need."""
        return ask(self.raw, "OpenPage", "edit") is True

    def page(self):
        """Name of the page that is shown."""
        return ask(self.raw, "GetCurrentPage")

    def project(self):
        """The open project, or None."""
        raw = ask(ask(self.raw, "GetProjectManager"), "GetCurrentProject")
        return Project(raw) if raw is not None else None

    def export_constant(self, name):
        """A constant for `Timeline.export`, read from the live object: numbers differ."""
        return getattr(self.raw, name, None)

    def fusion(self):
        """Root of Fusion scripting."""
        return ask(self.raw, "Fusion")


class Project(object):
    """A project."""

    def __init__(self, raw):
        self.raw = raw

    def name(self):
        """Its name."""
        return str(ask(self.raw, "GetName") or "")

    def id(self):
        """Its id."""
        return str(ask(self.raw, "GetUniqueId") or "")

    def setting(self, name):
        """A setting, as text."""
        value = ask(self.raw, "GetSetting", name)
        return "" if value is None else str(value)

    def timeline(self):
        """The open timeline, or None."""
        raw = ask(self.raw, "GetCurrentTimeline")
        return Timeline(raw) if raw is not None else None

    def timelines(self):
        """All timelines."""
        count = whole(ask(self.raw, "GetTimelineCount")) or 0
        found = [ask(self.raw, "GetTimelineByIndex", k) for k in range(1, count + 1)]
        return [Timeline(raw) for raw in found if raw is not None]

    def show(self, timeline):
        """Make a timeline the open one."""
        return ask(self.raw, "SetCurrentTimeline", timeline.raw) is True

    def pool(self):
        """The media pool."""
        return Pool(ask(self.raw, "GetMediaPool"))


class Timeline(object):
    """A timeline."""

    def __init__(self, raw):
        self.raw = raw

    def name(self):
        """Its name."""
        return str(ask(self.raw, "GetName") or "")

    def id(self):
        """Its id."""
        return str(ask(self.raw, "GetUniqueId") or "")

    def setting(self, name):
        """A setting, as text."""
        value = ask(self.raw, "GetSetting", name)
        return "" if value is None else str(value)

    def start(self):
        """Record frame of its first frame."""
        return whole(ask(self.raw, "GetStartFrame"))

    def start_timecode(self):
        """Label of its first frame."""
        return str(ask(self.raw, "GetStartTimecode") or "")

    def marks(self):
        """In and out as marks, out inclusive; None where they are not set or cannot be read."""
        marks = ask(self.raw, "GetMarkInOut")
        video = marks.get("video") if isinstance(marks, dict) else None
        if not isinstance(video, dict):
            return None
        first, last = whole(video.get("in")), whole(video.get("out"))
        return (first, last) if first is not None and last is not None else None

    def selected(self):
        """Selected items; [] before 21.0.4, which cannot say."""
        return [Item(raw) for raw in listed(ask(self.raw, "GetSelectedClips")) if raw is not None]

    def under_playhead(self):
        """The video item under the playhead, or None."""
        raw = ask(self.raw, "GetCurrentVideoItem")
        return Item(raw) if raw is not None else None

    def video_tracks(self):
        """How many video tracks there are."""
        return whole(ask(self.raw, "GetTrackCount", "video")) or 0

    def items(self, track):
        """The items of a video track, counted from 1; items without substance are left out."""
        raws = listed(ask(self.raw, "GetItemListInTrack", "video", track))
        items = [Item(raw) for raw in raws if raw is not None]
        return [item for item in items if item.start() is not None and item.id()]

    def track_name(self, track):
        """Name of a video track."""
        return str(ask(self.raw, "GetTrackName", "video", track) or "")

    def track_enabled(self, track):
        """Whether a video track is shown."""
        return ask(self.raw, "GetIsTrackEnabled", "video", track) is not False

    def track_locked(self, track):
        """Whether a video track refuses changes."""
        return ask(self.raw, "GetIsTrackLocked", "video", track) is True

    def add_track(self):
        """Add a video track on top; its number, or None."""
        before = self.video_tracks()
        ask(self.raw, "AddTrack", "video")
        after = self.video_tracks()
        return after if after == before + 1 else None

    def name_track(self, track, name):
        """Name a video track; whether it has that name now."""
        ask(self.raw, "SetTrackName", "video", track, name)
        return self.track_name(track) == name

    def delete_track(self, track):
        """Delete a video track; whether it is gone."""
        before = self.video_tracks()
        ask(self.raw, "DeleteTrack", "video", track)
        return self.video_tracks() == before - 1

    def delete(self, items):
        """Delete items; whether they are gone. A first False can succeed on retry."""
        raws = [item.raw for item in items]
        for _ in range(2):
            ask(self.raw, "DeleteClips", raws, False)
            gone = {item.id() for item in items}
            there = {i.id() for k in range(1, self.video_tracks() + 1) for i in self.items(k)}
            if not gone & there:
                return True
        return False

    def add_marker(self, mark, colour, name, note, custom):
        """Set a marker; whether it can be found again."""
        ask(self.raw, "AddMarker", mark, colour, name, note, 1, custom)
        return bool(ask(self.raw, "GetMarkerByCustomData", custom))

    def delete_marker(self, custom):
        """Delete the marker with that custom data; whether one was there."""
        return ask(self.raw, "DeleteMarkerByCustomData", custom) is True

    def export(self, path, kind, nothing):
        """Write it to a file with constants of `Resolve.export_constant`."""
        return ask(self.raw, "Export", path, kind, nothing) is True


class Pool(object):
    """The media pool."""

    def __init__(self, raw):
        self.raw = raw

    def bin(self, name):
        """The bin of that name under the master bin, made if need be; None if that fails."""
        root = ask(self.raw, "GetRootFolder")
        for folder in listed(ask(root, "GetSubFolderList")):
            if ask(folder, "GetName") == name:
                return folder
        return ask(self.raw, "AddSubFolder", root, name)

    def import_into(self, folder, path):
        """Import a file into a bin; the bin that was open is open again after that.

        Returns:
            The clip with that path, or None.
        """
        before = ask(self.raw, "GetCurrentFolder")
        ask(self.raw, "SetCurrentFolder", folder)
        try:
            found = listed(ask(self.raw, "ImportMedia", [path]))
            # A file that is there already is not imported again, and nothing is returned.
            found += listed(ask(folder, "GetClipList"))
        finally:
            if before is not None:
                ask(self.raw, "SetCurrentFolder", before)
        for raw in found:
            if raw is not None and ask(raw, "GetClipProperty", "File Path") == path:
                return Clip(raw)
        return None

    def append(self, info):
        """Place one clip; its answer is no proof, so none is returned."""
        ask(self.raw, "AppendToTimeline", [info])

    def find(self, clip_id, folder=None):
        """A clip by its id, in all bins."""
        folder = folder or ask(self.raw, "GetRootFolder")
        for raw in listed(ask(folder, "GetClipList")):
            if ask(raw, "GetUniqueId") == clip_id:
                return Clip(raw)
        for child in listed(ask(folder, "GetSubFolderList")):
            found = self.find(clip_id, child)
            if found is not None:
                return found
        return None

    def delete(self, clip):
        """Delete a clip from the pool; the file stays. Whether it is gone."""
        clip_id = clip.id()
        ask(self.raw, "DeleteClips", [clip.raw])
        return self.find(clip_id) is None

    def import_timeline(self, path, name, folder):
        """Import a timeline file; whether one came."""
        options = {"timelineName": name, "importSourceClips": True, "sourceClipsPath": folder}
        return ask(self.raw, "ImportTimelineFromFile", path, options) is not None
