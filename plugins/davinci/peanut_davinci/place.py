"""Bringing a finished result into the timeline, with every write read back."""

import os

from peanut_davinci import rates
from peanut_davinci.errors import HostError
from peanut_davinci.shots import RESULT_COLOUR, Shot

BIN = "PEANUT"
TRACK = "PEANUT"
EXCLUSIVE, INCLUSIVE = "exclusive", "inclusive"
_COPIED = ("Input Color Space", "Data Level")


class Work(object):
    """One result on its way into one timeline.

    Attributes:
        project, timeline: where it goes.
        shot: what it replaces.
        job_id: of the render.
        path: the deliverable.
        notes: what is known about this Resolve, such as how it counts `endFrame`.
        version: of Resolve, as text.
        warnings: what did not work and does not matter for the frames.
    """

    def __init__(self, project, timeline, ticket, path, notes, version):
        self.project = project
        self.timeline = timeline
        self.shot = Shot.from_json(ticket["shot"])
        self.job_id = ticket["job_id"]
        self.as_take = bool(ticket.get("take"))
        self.path = path
        self.notes = notes
        self.version = version
        self.warnings = []

    @property
    def note_key(self):
        """Under which the convention of this version is remembered."""
        return "end_frame {}".format(self.version)


def place(work):
    """Put the result over the frames that it replaces.

    Returns:
        What was made, as plain values: `remove` takes it back.

    Raises:
        HostError: it could not be placed exactly; nothing but the clip in the bin is left.
    """
    source = find_item(work.timeline, work.shot.item_id)
    span = target_span(work.shot, source)
    if source is None:
        work.warnings.append(
            "the original clip is no longer in the timeline: the result lies where it was"
        )
    pool = work.project.pool()
    folder = pool.bin(BIN)
    if folder is None:
        raise HostError("BinFailed", "the bin PEANUT cannot be made", "Make it by hand")
    clip = pool.import_into(folder, work.path)
    if clip is None:
        raise HostError(
            "ImportFailed",
            "Resolve does not import {}".format(work.path),
            "Drag the file into the media pool by hand to see why",
        )
    check_media(work, clip)
    made = {
        "timeline_id": work.timeline.id(),
        "clip_id": clip.id(),
        "record": [span.record_start, span.record_end],
        "source": [span.first, span.end],
        "take": False,
        "track_made": False,
    }
    if source is not None:
        copy_colour(work, source.clip(), clip)
    if not clip.note("peanut", work.job_id):
        work.warnings.append("the job's id could not be kept with the clip")
    if work.as_take and source is not None and _place_as_take(work, source, clip, made, span):
        made["warnings"] = work.warnings
        return made
    item = _place_above(work, pool, clip, span, made)
    made["item_id"] = item.id()
    _decorate(work, item, source, made)
    made["warnings"] = work.warnings
    return made


class Span(object):
    """Where the result goes and which of its own frames it shows; both half-open."""

    def __init__(self, record_start, record_end, first, end):
        self.record_start = record_start
        self.record_end = record_end
        self.first = first
        self.end = end


def find_item(timeline, item_id):
    """An item of the video tracks by its id; None if it is gone."""
    for track in range(1, timeline.video_tracks() + 1):
        for item in timeline.items(track):
            if item.id() == item_id:
                return item
    return None


def target_span(shot, source):
    """Where the result goes now: the original may have been moved or trimmed meanwhile.

    Raises:
        HostError: nothing of what was rendered is still shown.
    """
    whole = Span(shot.record_start, shot.record_end, 0, shot.end - shot.first)
    if source is None:
        return whole
    if shot.mixed:
        # Nothing but the whole item is exact between two rates.
        moved = Span(source.start(), source.end(), 0, whole.end)
        if moved.record_end - moved.record_start != shot.record_end - shot.record_start:
            raise HostError(
                "Trimmed",
                "{!r} was trimmed while its result was made, and has another rate than the "
                "timeline".format(shot.name),
                "Undo the trim, or place the clip of the bin PEANUT by hand",
            )
        return moved
    first = max(source.left_offset(), shot.first)
    end = min(source.left_offset() + source.duration(), shot.end)
    if first >= end:
        raise HostError(
            "Trimmed",
            "{!r} no longer shows any frame of [{}, {})".format(shot.name, shot.first, shot.end),
            "Undo the trim, or remove the object again",
        )
    start = source.start() + first - source.left_offset()
    return Span(start, start + end - first, first - shot.first, end - shot.first)


def check_media(work, clip):
    """See that Resolve sees the deliverable as it is.

    Raises:
        HostError: other rate or number of frames than were rendered.
    """
    rate = rates.exact_rate(clip.get("FPS"))
    if rate != work.shot.rate:
        raise HostError(
            "RateMismatch",
            "Resolve reads {} at {} frames per second, and the original has {}".format(
                os.path.basename(work.path), rate, work.shot.rate
            ),
            "Set the rate of the clip in the bin PEANUT (Clip Attributes), then run Collect",
        )
    frames, wanted = clip.get("Frames"), work.shot.end - work.shot.first
    if frames and int(float(frames)) != wanted:
        raise HostError(
            "FramesMismatch",
            "Resolve sees {} frames in {}, and {} were rendered".format(
                frames, os.path.basename(work.path), wanted
            ),
            "Delete the clip from the bin PEANUT and run Collect again",
        )


def copy_colour(work, source, clip):
    """Give the result the input colour space and data level of the original."""
    for name in _COPIED if source is not None else ():
        value = source.get(name)
        if value and clip.get(name) != value and not clip.set(name, value):
            work.warnings.append("{} of the result is not {!r}: set it by hand".format(name, value))


def _place_as_take(work, source, clip, made, span):
    """Add the result as a take of the original; False where Resolve refuses."""
    if span.end - span.first != source.duration() or work.shot.mixed:
        work.warnings.append("a take needs the whole clip: the result lies on a track above")
        return False
    had = source.selected_take() or 1
    length, before = source.duration(), source.takes()
    for convention in _conventions(work):
        if not source.add_take(clip, span.first, _end_of(span.first, span.end, convention)):
            continue
        index = source.takes()
        if source.select_take(index) and source.duration() == length:
            made.update(
                take=True,
                item_id=source.id(),
                take_index=index,
                take_before=had,
                convention=convention,
            )
            return True
        source.select_take(had)
        while source.takes() > before and source.delete_take(source.takes()):
            pass
    work.warnings.append("Resolve adds no take here: the result lies on a track above")
    return False


def _place_above(work, pool, clip, span, made):
    """Place on a track above, reusing one of ours that is free there."""
    timeline, track = work.timeline, free_track(work.timeline, work.shot.track, span)
    if track is None:
        track = timeline.add_track()
        if track is None:
            raise HostError(
                "TrackFailed", "Resolve adds no video track", "Add one by hand and run Collect"
            )
        made["track_made"] = True
        if not timeline.name_track(track, TRACK):
            work.warnings.append("the new track could not be named " + TRACK)
    made["track"] = track
    seen = []
    for convention in _conventions(work):
        item = _try(work, pool, clip, span, track, convention, seen)
        if item is not None:
            made["convention"] = convention
            work.notes[work.note_key] = convention
            return item
    if made["track_made"] and not timeline.items(track):
        timeline.delete_track(track)
    raise HostError(
        "PlacingFailed",
        "Resolve does not place the result at frame {} for {} frames ({})".format(
            span.record_start, span.record_end - span.record_start, "; ".join(seen)
        ),
        "The clip is in the bin PEANUT: drag it above the original, or import the .otio beside "
        + work.path,
    )


def _try(work, pool, clip, span, track, convention, seen):
    """One attempt; what does not fit exactly is deleted again."""
    timeline = work.timeline
    before = {item.id() for item in timeline.items(track)}
    pool.append(
        {
            "mediaPoolItem": clip.raw,
            "startFrame": span.first,
            "endFrame": _end_of(span.first, span.end, convention),
            "mediaType": 1,
            "trackIndex": track,
            "recordFrame": span.record_start,
        }
    )
    new = [item for item in timeline.items(track) if item.id() not in before]
    for item in new:
        found = (item.start(), item.duration(), item.left_offset())
        wanted = (span.record_start, span.record_end - span.record_start, span.first)
        if len(new) == 1 and found[:2] == wanted[:2] and (work.shot.mixed or found == wanted):
            return item
        seen.append("{}: start, length, offset {} instead of {}".format(convention, found, wanted))
    if not new:
        seen.append("{}: nothing was placed".format(convention))
    elif not timeline.delete(new):
        raise HostError(
            "CleanupFailed",
            "an item that does not fit could not be deleted from track {}".format(track),
            "Undo in Resolve (Edit > Undo)",
        )
    return None


def free_track(timeline, above, span):
    """A track of ours over `above` with nothing in the way; None if there is none."""
    for track in range(above + 1, timeline.video_tracks() + 1):
        if timeline.track_name(track) != TRACK or timeline.track_locked(track):
            continue
        if all(
            item.end() <= span.record_start or item.start() >= span.record_end
            for item in timeline.items(track)
        ):
            return track
    return None


def _conventions(work):
    """How `endFrame` may be counted; what this version was seen to do comes first."""
    known = work.notes.get(work.note_key)
    return [INCLUSIVE, EXCLUSIVE] if known == INCLUSIVE else [EXCLUSIVE, INCLUSIVE]


def _end_of(first, end, convention):
    return end if convention == EXCLUSIVE else end - 1


def _decorate(work, item, source, made):
    """Colour, name, marker, grade and transform; none of them is worth failing for."""
    if not item.set_colour(RESULT_COLOUR):
        work.warnings.append("the result could not be coloured")
    item.rename("{} [peanut]".format(work.shot.name))  # False before 20.2: it keeps its file's name
    note = "object removed; job {}".format(work.job_id)
    middle = item.left_offset() + item.duration() // 2
    if item.add_marker(middle, "Cyan", "PEANUT", note, work.job_id):
        made["marker"] = "item"
    elif work.timeline.add_marker(
        item.start() - work.timeline.start(), "Cyan", "PEANUT", note, work.job_id
    ):
        made["marker"] = "timeline"
    else:
        work.warnings.append("no marker could be set")
    if source is None:
        return
    if not source.copy_grade_to(item):
        work.warnings.append("the grade could not be copied: copy it by hand")
    wanted, has = source.properties(), item.properties()
    for name in sorted(wanted):
        if wanted[name] != has.get(name) and not item.set_property(name, wanted[name]):
            work.warnings.append("{} could not be set to {}".format(name, wanted[name]))
    if source.has_fusion():
        work.warnings.append("the original has Fusion compositions, which the result has not")
