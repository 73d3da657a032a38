"""A checklist to run inside Resolve: what this version really does, printed to be sent along.

Reads first. What has to be written to be found out (a bin, a timeline, a track, markers) is written
into a timeline of its own, "PEANUT check", and deleted again; nothing that was there is touched.
"""

import json
import os
import sys
import tempfile

from peanut_davinci import rates
from peanut_davinci.editions import Abilities
from peanut_davinci.errors import HostError
from peanut_davinci.launch_command import command_in
from peanut_davinci.resolve_api import Resolve
from peanut_davinci.resolve_call import ask, can, find_resolve, listed
from peanut_davinci.shots import read_shot

CHECK_TIMELINE = "PEANUT check"


class Checklist(object):
    """Lines of the form `ok|no|?? number name: finding`."""

    def __init__(self, write):
        self._write = write
        self.found = []

    def add(self, name, verdict, finding):
        """Write down one finding; `verdict` None means that it could not be found out here."""
        mark = {True: "ok", False: "no", None: "??"}[verdict]
        self.found.append((name, mark, finding))
        self._write("{} {:2d} {}: {}".format(mark, len(self.found), name, finding))


def report(names, folder, write, connect):
    """Print what this Resolve does.

    Raises:
        HostError: no Resolve answers.
    """
    raw = find_resolve(names)
    if raw is None:
        raise HostError("NoResolve", "no DaVinci Resolve answers", "Start it from the menu")
    resolve = Resolve(raw)
    abilities = Abilities(resolve.version(), resolve.is_studio())
    for line in abilities.lines():
        write(line)
    check = Checklist(write)
    check.add("version", True, resolve.version_text())
    check.add("python", sys.version_info >= (3, 6), sys.version.split()[0])
    _windows(check, names, resolve, abilities)
    _pipe(check, folder, connect)
    project = resolve.project()
    timeline = project.timeline() if project else None
    if timeline is None:
        check.add("timeline", None, "open a timeline with a clip under the playhead, run again")
        return check
    _reading(check, project, timeline)
    _writing(check, resolve, project, timeline)
    write("send these lines along with a report; they hold no names of clips")
    return check


def _windows(check, names, resolve, abilities):
    if not abilities.windows:
        check.add("windows", None, "not asked: this edition answers with an offer to buy")
        return
    ui = getattr(names.get("fusion") or resolve.fusion(), "UIManager", None)
    timer = ui is not None and callable(getattr(ui, "Timer", None))
    check.add("windows", ui is not None, "UIManager {}".format("there" if ui else "missing"))
    check.add("timer of windows", timer, "ui.Timer {}".format("there" if timer else "missing"))


def _pipe(check, folder, connect):
    try:
        peanut = connect(command_in(folder))
        check.add("pipe to peanut", True, "version " + str(peanut.version))
        peanut.close()
    except HostError as error:
        check.add("pipe to peanut", False, error.text())


def _reading(check, project, timeline):
    raw = timeline.raw
    rate = timeline.setting("timelineFrameRate")
    check.add("timeline rate as text", bool(rate), repr(rate))
    start, label = timeline.start(), timeline.start_timecode()
    try:
        counted = rates.timecode_frame(label, rates.exact_rate(rate))
        check.add(
            "start frame is the count of its label",
            counted == start,
            "{} {} {}".format(start, label, counted),
        )
    except HostError as error:
        check.add("start frame is the count of its label", False, error.text())
    check.add("selection can be read", can(raw, "GetSelectedClips"), str(len(timeline.selected())))
    marks = ask(raw, "GetMarkInOut")
    check.add("in and out can be read", can(raw, "GetMarkInOut"), json.dumps(marks, default=str))
    item = timeline.under_playhead()
    if item is None:
        check.add("clip under the playhead", None, "put the playhead on a clip, run again")
        return
    clip = item.clip()
    numbers = {
        "start": item.start(),
        "end": item.end(),
        "duration": item.duration(),
        "left": item.left_offset(),
        "right": item.right_offset(),
        "source": item.source_ends(),
        "speed": item.speed_percent(),
        "type": item.kind(),
    }
    if clip is not None:
        for name in ("FPS", "Frames", "Start TC", "Drop frame", "Data Level", "Input Color Space"):
            numbers[name] = clip.get(name)
    check.add("numbers of the clip", None, json.dumps(numbers, default=str))
    ends = item.source_ends()
    if ends is not None and item.left_offset() is not None:
        check.add("left offset is the first source frame", ends[0] == item.left_offset(), str(ends))
    try:
        shot = read_shot(project, timeline, item, item.start(), item.end())
        check.add("clip can be read", True, "frames {} to {}".format(shot.first, shot.end - 1))
    except HostError as error:
        check.add("clip can be read", None, error.reason)


def _writing(check, resolve, project, timeline):
    """Find out how `endFrame` counts and whether the rest of placing works, beside the work."""
    item = timeline.under_playhead()
    clip = item.clip() if item is not None else None
    if clip is None or not clip.get("File Path"):
        check.add("placing", None, "put the playhead on a clip of a file, run again")
        return
    pool = ask(project.raw, "GetMediaPool")
    made = ask(pool, "CreateEmptyTimeline", CHECK_TIMELINE)
    if made is None:
        check.add("placing", None, "delete the timeline " + CHECK_TIMELINE + " and run again")
        return
    try:
        resolve.open_edit_page()
        _placing(check, pool, made, clip)
        _exporting(check, resolve, made)
    finally:
        project.show(timeline)
        gone = ask(pool, "DeleteTimelines", [made])
        check.add("test timeline deleted", gone is True, CHECK_TIMELINE)


def _placing(check, pool, made, clip):
    ask(made, "AddTrack", "video")
    start = ask(made, "GetStartFrame") or 0
    info = {
        "mediaPoolItem": clip.raw,
        "startFrame": 2,
        "endFrame": 12,
        "mediaType": 1,
        "trackIndex": 2,
        "recordFrame": int(start) + 5,
    }
    answer = listed(ask(pool, "AppendToTimeline", [info]))
    items = listed(ask(made, "GetItemListInTrack", "video", 2))
    if not items:
        check.add("placing", False, "nothing was placed; the answer had {}".format(len(answer)))
        return
    new = items[0]
    length = ask(new, "GetDuration")
    check.add("placed where asked", ask(new, "GetStart") == start + 5, str(ask(new, "GetStart")))
    check.add(
        "placed with the frame asked",
        ask(new, "GetLeftOffset") == 2,
        str(ask(new, "GetLeftOffset")),
    )
    word = {10: "exclusive", 11: "inclusive"}.get(length, "neither")
    check.add("endFrame", word != "neither", "{} ({} frames for 2..12)".format(word, length))
    ask(new, "AddMarker", 4, "Cyan", "PEANUT", "check", 1, "peanut-check")
    there = bool(ask(new, "GetMarkerByCustomData", "peanut-check"))
    check.add("marker of an item", there, "found again by its data" if there else "missing")
    ask(new, "SetClipColor", "Teal")
    check.add(
        "colour of an item", ask(new, "GetClipColor") == "Teal", str(ask(new, "GetClipColor"))
    )
    taken = ask(new, "AddTake", clip.raw, 2, 12)
    check.add(
        "takes", None, "AddTake answers {}, then {} takes".format(taken, ask(new, "GetTakesCount"))
    )
    check.add("item deleted", ask(made, "DeleteClips", [new], False) is True, "")


def _exporting(check, resolve, made):
    kind = resolve.export_constant("EXPORT_OTIO")
    path = os.path.join(tempfile.mkdtemp(), "check.otio")
    ask(made, "Export", path, kind, resolve.export_constant("EXPORT_NONE"))
    written = os.path.exists(path)
    check.add(
        "export of .otio", written, "{} bytes".format(os.path.getsize(path) if written else 0)
    )
