"""What the menu's scripts do: remove, collect, undo."""

from peanut_davinci import request, shots, undo
from peanut_davinci.editions import Abilities
from peanut_davinci.errors import HostError
from peanut_davinci.place import Work, place
from peanut_davinci.resolve_api import Resolve
from peanut_davinci.resolve_call import find_resolve

UNTITLED = "Untitled Project"


def opened(names):
    """Resolve and its open project, ready to be worked on.

    Args:
        names: globals of the script.

    Raises:
        HostError: no Resolve, one that is too old, or no saved project.
    """
    raw = find_resolve(names)
    if raw is None:
        raise HostError(
            "NoResolve",
            "no DaVinci Resolve answers",
            "Start the script from its menu (Workspace > Scripts)",
        )
    resolve = Resolve(raw)
    if resolve.version() == (0, 0, 0):
        raise HostError(
            "NoAnswer",
            "DaVinci Resolve answers nothing",
            "Close its Project Manager and every dialog, then start the script again",
        )
    abilities = Abilities(resolve.version(), resolve.is_studio())
    if not abilities.placing:
        raise HostError(
            "TooOld",
            "{} cannot place clips by script".format(resolve.version_text()),
            "Use the files: peanut timeline extract, peanut remove, then import the .otio",
        )
    project = resolve.project()
    if project is None or project.name() in ("", UNTITLED):
        raise HostError(
            "NoProject",
            "the project has no name yet",
            "Save it once: results are brought in by the project's id, also later",
        )
    return resolve, project


def remove_object(resolve, project, ui, peanut):
    """From the chosen clips to results above them; returns the tickets that were placed.

    Raises:
        HostError: nothing could be done at all.
    """
    timeline = project.timeline()
    if timeline is None:
        raise HostError("NoTimeline", "no timeline is open", "Open one")
    items, how = shots.chosen(timeline)
    found = []
    for item, first, end in items:
        try:
            found.append(shots.read_shot(project, timeline, item, first, end))
        except HostError as error:
            ui.say("left out: " + error.text())
    if not found:
        raise HostError("NothingChosen", "nothing can be removed from " + how, "See above")
    jobs = []
    for shot in found:
        ticket = _started(project, timeline, shot, ui, peanut)
        if ticket is not None:
            jobs.append(ticket)
    return [done for done in (_finished(resolve, project, t, ui, peanut) for t in jobs) if done]


def _started(project, timeline, shot, ui, peanut):
    """Ask what must go from one shot, and start its job; None if the user does not want it."""
    try:
        wish = ui.ask(shot, peanut)
        if wish is None:
            return None
        ticket = {
            "project_id": project.id(),
            "timeline_id": timeline.id(),
            "timeline": timeline.name(),
            "shot": shot.to_json(),
            "take": bool(wish.get("take")),
        }
        request_id = peanut.begin(
            "start",
            ui.progress,
            otio=request.request_document(shot, wish["prompts"]),
            frames=[shot.first, shot.end],
            prompts=wish["prompts"],
            deliver=wish.get("deliver", "full"),
            page=wish.get("page"),
            ticket=ticket,
        )
        answer = ui.wait(peanut, request_id)
    except HostError as error:
        ui.say("{}: {}".format(shot.name, error.text()))
        return None
    if answer is None:
        ui.say("{} goes on: PEANUT Collect brings it in".format(shot.name))
        return None
    return dict(ticket, page=wish.get("page"), **answer)


def _finished(resolve, project, ticket, ui, peanut):
    """Watch a job to its end and bring its result in."""
    try:
        request_id = peanut.begin(
            "watch", ui.progress, job_id=ticket["job_id"], page=ticket.get("page")
        )
        answer = ui.wait(peanut, request_id)
        if answer is None:
            ui.say("job {} goes on: PEANUT Collect brings it in".format(ticket["job_id"]))
            return None
        return bring_in(resolve, project, ticket, answer["job"], ui, peanut)
    except HostError as error:
        ui.say(error.text())
        return None


def bring_in(resolve, project, ticket, job, ui, peanut):
    """Place the result of a job that succeeded; returns the ticket with what was made.

    Raises:
        HostError: its timeline is gone, or Resolve refuses.
    """
    timeline = _timeline(project, ticket)
    if not resolve.open_edit_page() and resolve.page() != "edit":
        ui.say("the Edit page could not be shown: placing may fail")
    if not project.show(timeline):
        raise HostError(
            "TimelineFailed", "timeline {!r} cannot be opened".format(timeline.name()), "Open it"
        )
    notes = dict(peanut.notes)
    work = Work(project, timeline, ticket, job["outputs"]["deliverable"], notes, _version(resolve))
    made = place(work)
    if notes != peanut.notes:
        peanut.notes = notes
        peanut.call("note", key=work.note_key, value=notes[work.note_key])
    peanut.call("settle", job_id=ticket["job_id"], placed=made)
    for warning in made["warnings"]:
        ui.say("note: " + warning)
    ui.say(
        "{} lies over frames {} to {} of {!r}".format(
            "a take" if made["take"] else "the result",
            made["record"][0],
            made["record"][1] - 1,
            timeline.name(),
        )
    )
    return dict(ticket, placed=made)


def collect(resolve, project, ui, peanut):
    """Bring in everything that was finished since; returns the tickets that were placed."""
    placed, waiting = [], 0
    for ticket in peanut.call("tickets")["tickets"]:
        job = ticket.get("job")
        if ticket.get("placed") or ticket.get("project_id") != project.id() or job is None:
            continue
        if job["state"] in ("queued", "running"):
            waiting += 1
            continue
        if job["state"] != "succeeded":
            ui.say("job {} {}: peanut jobs resume {}".format(job["id"], job["state"], job["id"]))
            continue
        try:
            placed.append(bring_in(resolve, project, ticket, job, ui, peanut))
        except HostError as error:
            ui.say(error.text())
    ui.say("{} brought in, {} still at work".format(len(placed), waiting))
    return placed


def undo_result(resolve, project, ui, peanut):
    """Take the newest result of the open timeline out again; returns its ticket, or None."""
    timeline = project.timeline()
    tickets = [
        ticket
        for ticket in peanut.call("tickets")["tickets"]
        if ticket.get("placed")
        and timeline is not None
        and ticket["placed"]["timeline_id"] == timeline.id()
        and ticket["project_id"] == project.id()
    ]
    if not tickets:
        ui.say("no result of PEANUT is known in this timeline")
        return None
    ticket = tickets[-1]
    resolve.open_edit_page()
    for sentence in undo.remove(project, timeline, ticket):
        ui.say(sentence)
    peanut.call("forget", job_id=ticket["job_id"])
    return ticket


def _timeline(project, ticket):
    for timeline in project.timelines():
        if timeline.id() == ticket["timeline_id"]:
            return timeline
    raise HostError(
        "TimelineGone",
        "timeline {!r} of job {} is no longer in this project".format(
            ticket.get("timeline", ""), ticket["job_id"]
        ),
        "The files are beside the source; their .otio can be imported",
    )


def _version(resolve):
    return ".".join(str(part) for part in resolve.version())
