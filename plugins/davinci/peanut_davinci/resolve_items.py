"""Calls of Resolve's API on items of a timeline and clips of the pool; see `resolve_api`."""

from peanut_davinci.resolve_call import ask, can, listed, whole


class Item(object):
    """An item of a timeline."""

    def __init__(self, raw):
        self.raw = raw

    def id(self):
        """Its id; items are compared by it, since the API makes new objects at every call."""
        return str(ask(self.raw, "GetUniqueId") or "")

    def name(self):
        """Its name."""
        return str(ask(self.raw, "GetName") or "")

    def start(self):
        """Its first record frame."""
        return whole(ask(self.raw, "GetStart"))

    def end(self):
        """The record frame after its last."""
        return whole(ask(self.raw, "GetEnd"))

    def duration(self):
        """Frames of the timeline."""
        return whole(ask(self.raw, "GetDuration"))

    def left_offset(self):
        """Source frames before its first, at the media's own speed; otherwise in record time."""
        return whole(ask(self.raw, "GetLeftOffset"))

    def right_offset(self):
        """Frames of the media after its last, counted as `left_offset`."""
        return whole(ask(self.raw, "GetRightOffset"))

    def source_ends(self):
        """First and last source frame as Resolve says them; None before 19.0.2."""
        first = whole(ask(self.raw, "GetSourceStartFrame"))
        last = whole(ask(self.raw, "GetSourceEndFrame"))
        return (first, last) if first is not None and last is not None else None

    def speed_percent(self):
        """Its speed; None before 21.1, which cannot say."""
        speed = ask(self.raw, "GetSpeed")
        value = speed.get("Percentage") if isinstance(speed, dict) else None
        return float(value) if isinstance(value, (int, float)) else None

    def kind(self):
        """What Resolve calls it, such as "video"; None before 21.1."""
        return ask(self.raw, "GetType")

    def clip(self):
        """What it shows, in the pool; None for titles and generators."""
        raw = ask(self.raw, "GetMediaPoolItem")
        return Clip(raw) if raw is not None else None

    def track(self):
        """Number of its video track; None if it lies on none or nothing says (before 19.0)."""
        found = listed(ask(self.raw, "GetTrackTypeAndIndex"))
        if len(found) == 2:
            return whole(found[1]) if found[0] == "video" else None
        return None

    def enabled(self):
        """Whether it is shown."""
        return ask(self.raw, "GetClipEnabled") is not False

    def colour(self):
        """Its clip colour, or an empty text."""
        return str(ask(self.raw, "GetClipColor") or "")

    def set_colour(self, name):
        """Set the clip colour; whether it has it now."""
        ask(self.raw, "SetClipColor", name)
        return self.colour() == name

    def rename(self, name):
        """Name it; whether it has that name now. False before 20.2."""
        ask(self.raw, "SetName", name)
        return self.name() == name

    def has_fusion(self):
        """Whether it carries Fusion compositions."""
        return bool(whole(ask(self.raw, "GetFusionCompCount")))

    def add_marker(self, source_frame, colour, name, note, custom):
        """Set a marker; whether it can be found again."""
        ask(self.raw, "AddMarker", source_frame, colour, name, note, 1, custom)
        return bool(ask(self.raw, "GetMarkerByCustomData", custom))

    def has_marker(self, custom):
        """Whether it has a marker with that custom data."""
        return bool(ask(self.raw, "GetMarkerByCustomData", custom))

    def copy_grade_to(self, other):
        """Copy its grade."""
        return ask(self.raw, "CopyGrades", [other.raw]) is True

    def properties(self):
        """Transform, crop and so on."""
        found = ask(self.raw, "GetProperties")
        if not isinstance(found, dict):
            found = ask(self.raw, "GetProperty")
        return found if isinstance(found, dict) else {}

    def set_property(self, name, value):
        """Set one; whether it has that value now. Some answer False and apply all the same."""
        ask(self.raw, "SetProperty", name, value)
        return self.properties().get(name) == value

    def takes(self):
        """How many takes it has."""
        return whole(ask(self.raw, "GetTakesCount")) or 0

    def take(self, index):
        """One take: startFrame, endFrame, mediaPoolItem."""
        found = ask(self.raw, "GetTakeByIndex", index)
        return found if isinstance(found, dict) else {}

    def selected_take(self):
        """Which take is shown."""
        return whole(ask(self.raw, "GetSelectedTakeIndex")) or 0

    def add_take(self, clip, first, end):
        """Add a take; whether there is one more."""
        before = self.takes()
        ask(self.raw, "AddTake", clip.raw, first, end)
        return self.takes() > before

    def select_take(self, index):
        """Show a take; whether it is shown now."""
        ask(self.raw, "SelectTakeByIndex", index)
        return self.selected_take() == index

    def delete_take(self, index):
        """Delete a take; whether it is gone."""
        before = self.takes()
        ask(self.raw, "DeleteTakeByIndex", index)
        return self.takes() < before


class Clip(object):
    """A clip of the media pool."""

    def __init__(self, raw):
        self.raw = raw

    def id(self):
        """Its id."""
        return str(ask(self.raw, "GetUniqueId") or "")

    def name(self):
        """Its name."""
        return str(ask(self.raw, "GetName") or "")

    def get(self, name):
        """A property, as text."""
        value = ask(self.raw, "GetClipProperty", name)
        return "" if value is None or isinstance(value, dict) else str(value)

    def set(self, name, value):
        """Set a property; whether it has that value now."""
        ask(self.raw, "SetClipProperty", name, value)
        return self.get(name) == value

    def note(self, key, value):
        """Keep something with the clip; whether it can be read again."""
        if can(self.raw, "SetThirdPartyMetadata"):
            ask(self.raw, "SetThirdPartyMetadata", {key: value})
            return ask(self.raw, "GetThirdPartyMetadata", key) == value
        ask(self.raw, "SetMetadata", {"Comments": "{}: {}".format(key, value)})
        return value in str(ask(self.raw, "GetMetadata", "Comments") or "")
