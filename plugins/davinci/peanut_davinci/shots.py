"""From what is chosen in the timeline to frames of files; what cannot be right is refused here."""

import os
from fractions import Fraction

from peanut_davinci import rates
from peanut_davinci.errors import HostError

FLAG_COLOUR = "Pink"
"""Clips of this colour are meant when nothing else says what is."""

RESULT_COLOUR = "Teal"
_FIELDS = (
    *("item_id", "name", "track", "record_start", "record_end", "path", "proxy"),
    *("rate", "drop_frame", "start_frame", "frame_count", "first", "end", "mixed"),
    *("timeline_rate", "timeline_start", "timeline_drop_frame"),
)


class Shot(object):
    """The part of a clip that something is to be removed from.

    Attributes:
        item_id, name, track: of the item.
        record_start, record_end: absolute frames of the timeline, half-open.
        path, proxy: files; `proxy` is empty without one.
        rate: of the media, exact.
        drop_frame: of its timecode.
        start_frame: timecode of its first frame, as a frame number.
        frame_count: of the file.
        first, end: frames of the file that are seen, half-open.
        mixed: media and timeline have different rates.
        timeline_rate, timeline_start, timeline_drop_frame: of the timeline.
    """

    __slots__ = _FIELDS

    def __init__(self, **values):
        for name in _FIELDS:
            setattr(self, name, values[name])

    def to_json(self):
        """Plain values; `from_json` reads them back."""
        values = {name: getattr(self, name) for name in _FIELDS}
        for name in ("rate", "timeline_rate"):
            values[name] = [values[name].numerator, values[name].denominator]
        return values

    @classmethod
    def from_json(cls, values):
        """The shot that `to_json` wrote."""
        values = dict(values)
        for name in ("rate", "timeline_rate"):
            values[name] = Fraction(*values[name])
        return cls(**values)


def chosen(timeline):
    """What the user means, in the order in which it can be known.

    Returns:
        Items with the record frames to work on, and the word that says how they were chosen.

    Raises:
        HostError: nothing is chosen.
    """
    picked = [item for item in timeline.selected() if item.track() is not None]
    if picked:
        return [(item, item.start(), item.end()) for item in picked], "the selected clips"
    marks, start = timeline.marks(), timeline.start()
    if marks is not None and start is not None:
        first, end = start + marks[0], start + marks[1] + 1
        found = _topmost_between(timeline, first, end)
        if found:
            return found, "the clips between in and out"
    item = timeline.under_playhead()
    if item is not None and item.start() is not None:
        return [(item, item.start(), item.end())], "the clip under the playhead"
    flagged = [
        (item, item.start(), item.end())
        for track in range(1, timeline.video_tracks() + 1)
        for item in timeline.items(track)
        if item.colour() == FLAG_COLOUR
    ]
    if flagged:
        return flagged, "the clips of colour {}".format(FLAG_COLOUR)
    raise HostError(
        "NothingChosen",
        "nothing is chosen in timeline {!r}".format(timeline.name()),
        "Put the playhead on a clip, set in and out, or give clips the colour " + FLAG_COLOUR,
    )


def _topmost_between(timeline, first, end):
    """The highest track that shows anything between two record frames."""
    for track in range(timeline.video_tracks(), 0, -1):
        if not timeline.track_enabled(track) or timeline.track_name(track) == "PEANUT":
            continue
        found = [
            (item, max(first, item.start()), min(end, item.end()))
            for item in timeline.items(track)
            if item.enabled() and item.start() < end and item.end() > first
        ]
        if found:
            return found
    return []


def read_shot(project, timeline, item, record_start, record_end):
    """The frames of the file that an item shows between two record frames.

    Raises:
        HostError: nothing can be removed from it; the message says why, and the way round.
    """
    name = item.name()
    refuse_kind(item)
    clip = item.clip()
    path = _checked_path(name, clip)
    rate = rates.exact_rate(clip.get("FPS"))
    timeline_rate = rates.exact_rate(
        timeline.setting("timelineFrameRate") or project.setting("timelineFrameRate")
    )
    frame_count = _count(name, clip)
    mixed = rate != timeline_rate
    first = _first_frame(item, name, mixed)
    _refuse_speed(item, name, (rate, timeline_rate), frame_count)
    begin, end = item.start(), item.end()
    if mixed:
        # A cut inside would begin between two frames of the media: the whole item is exact.
        record_start, record_end = begin, end
    ratio = rate / timeline_rate
    source_first = first + rates.floor((record_start - begin) * ratio)
    source_end = first + rates.ceil((record_end - begin) * ratio)
    if source_first < 0 or source_end > frame_count:
        raise HostError(
            "FrameRange",
            "clip {!r} shows frames [{}, {}) of {}, which has {}".format(
                name, source_first, source_end, path, frame_count
            ),
            "Relink it to the file that it was edited with",
        )
    label = clip.get("Start TC") or "00:00:00:00"
    drop = clip.get("Drop frame") == "1" or ";" in label
    drop = drop and rates.allows_drop_frame(rate)
    timeline_drop = (
        timeline.setting("timelineDropFrameTimecode")
        or project.setting("timelineDropFrameTimecode")
    ) == "1" or ";" in timeline.start_timecode()
    return Shot(
        item_id=item.id(),
        name=name,
        track=_track_of(timeline, item),
        record_start=record_start,
        record_end=record_end,
        path=path,
        proxy=_proxy(clip),
        rate=rate,
        drop_frame=drop,
        start_frame=rates.timecode_frame(label, rate, drop),
        frame_count=frame_count,
        first=source_first,
        end=source_end,
        mixed=mixed,
        timeline_rate=timeline_rate,
        timeline_start=timeline.start(),
        timeline_drop_frame=timeline_drop,
    )


def refuse_kind(item):
    """Refuse what has no media file of its own.

    Raises:
        HostError: a generator, title, transition, compound or multicam clip, or something else.
    """
    name = item.name()
    kind = item.kind()
    clip = item.clip()
    if clip is None or kind in ("generator", "transition"):
        raise HostError(
            "Generator",
            "{!r} is a {} and has no media".format(name, kind or "generator or title"),
            "Render it in place first (right click, Render in Place), then choose the new clip",
        )
    # Values of 'Type' are translated; a path is not, and only clips of one file have one.
    if not clip.get("File Path"):
        raise HostError(
            "Compound",
            "{!r} is a compound, multicam, Fusion or timeline clip".format(name),
            "Open it in its own timeline and choose a clip there, or flatten or render it in place",
        )


def _checked_path(name, clip):
    path = clip.get("File Path")
    if "[" in os.path.basename(path) and not os.path.exists(path):
        raise HostError(
            "ImageSequence",
            "{!r} is an image sequence ({})".format(name, path),
            "Render it to a movie in place first, then choose the new clip",
        )
    if not os.path.exists(path):
        proxy = _proxy(clip)
        raise HostError(
            "Offline",
            "the media of {!r} is not there: {}{}".format(
                name, path, "; only its proxy is" if proxy else ""
            ),
            "Relink the clip to the camera original: the result has to fit every pixel of it",
        )
    return path


def _proxy(clip):
    path = clip.get("Proxy Media Path")
    return path if path and os.path.exists(path) else ""


def _count(name, clip):
    text = clip.get("Frames")
    try:
        count = int(float(text))
    except ValueError:
        count = 0
    if count < 1:
        raise HostError(
            "FramesUnknown",
            "Resolve does not say how many frames {!r} has ({!r})".format(name, text),
            "Relink or import it again",
        )
    return count


def _first_frame(item, name, mixed):
    """First source frame of an item, from the head of the file."""
    ends = item.source_ends()
    offset = item.left_offset()
    if mixed:
        if ends is None:
            raise HostError(
                "MixedRates",
                "{!r} has another frame rate than the timeline, and this version cannot say which "
                "of its frames are shown".format(name),
                "Export the timeline as .otio and use: peanut timeline extract",
            )
        return ends[0]
    if offset is None:
        raise HostError(
            "OffsetUnknown",
            "Resolve does not say which frames {!r} shows".format(name),
            "Render it in place first, then choose the new clip",
        )
    if ends is not None and ends != (0, 0) and abs(ends[0] - offset) > 1:
        raise _retimed(name, "its offset says frame {}, its source {}".format(offset, ends[0]))
    return offset


def _refuse_speed(item, name, pair, frame_count):
    """Refuse clips that do not run at their own speed, with whatever tells it in this version."""
    percent = item.speed_percent()
    if percent is not None:
        if percent != 100:
            raise _retimed(name, "its speed is {:g} %".format(percent))
        return
    rate, timeline_rate = pair
    ends, length = item.source_ends(), item.duration()
    wanted = length * rate / timeline_rate
    if ends is not None and ends != (0, 0):
        if ends[0] > ends[1]:
            raise _retimed(name, "it runs backwards")
        # The end is exclusive at equal rates and inclusive at mixed ones.
        shown = ends[1] - ends[0] + (0 if rate == timeline_rate else 1)
        if abs(shown - wanted) > 1:
            raise _retimed(name, "{} source frames last {} frames".format(shown, length))
        return
    left, right = item.left_offset(), item.right_offset()
    if left is None or right is None or rate != timeline_rate:
        return  # nothing tells it; the result is compared with the item before it is placed
    if abs(left + length + right - frame_count) > 1:
        raise _retimed(
            name,
            "{} frames with {} before and {} after do not make the {} of its file".format(
                length, left, right, frame_count
            ),
        )


def _retimed(name, found):
    return HostError(
        "Retimed",
        "{!r} has a speed change: {}".format(name, found),
        "Set its speed to 100 %, remove the object, and put the speed on the result; or export the "
        "timeline as .otio and use peanut timeline extract and apply --in-place",
    )


def _track_of(timeline, item):
    found = item.track()
    if found is not None:
        return found
    for track in range(1, timeline.video_tracks() + 1):
        if any(other.id() == item.id() for other in timeline.items(track)):
            return track
    return 0
