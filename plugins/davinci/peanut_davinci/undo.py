"""Taking a result out again: Resolve's own undo cannot be scripted, so ids are kept."""

from peanut_davinci.errors import HostError
from peanut_davinci.place import TRACK, find_item


def remove(project, timeline, ticket):
    """Delete what `place` made, and nothing else.

    Returns:
        Sentences that say what was done.

    Raises:
        HostError: something of it could not be deleted.
    """
    made = ticket["placed"]
    done = []
    if made.get("take"):
        done += _remove_take(timeline, made)
    else:
        done += _remove_item(timeline, ticket["job_id"], made)
    if made.get("marker") == "timeline" and timeline.delete_marker(ticket["job_id"]):
        done.append("marker deleted")
    track = made.get("track")
    is_ours = made.get("track_made") and track and timeline.track_name(track) == TRACK
    if is_ours and not timeline.items(track) and timeline.delete_track(track):
        done.append("track deleted")
    clip = project.pool().find(made["clip_id"])
    if clip is not None and not _used(project, made["clip_id"]) and project.pool().delete(clip):
        done.append("clip deleted from the bin; the file stays")
    return done or ["nothing of it was left"]


def _remove_item(timeline, job_id, made):
    item = find_item(timeline, made["item_id"]) or _marked(timeline, job_id)
    if item is None:
        return []
    if not timeline.delete([item]):
        raise HostError(
            "DeleteFailed",
            "Resolve does not delete {!r}".format(item.name()),
            "Show the Edit page, unlock the track, and try again",
        )
    return ["clip deleted from the timeline"]


def _marked(timeline, job_id):
    """The item that carries our marker: ids change when a timeline is duplicated."""
    for track in range(1, timeline.video_tracks() + 1):
        for item in timeline.items(track):
            if item.has_marker(job_id):
                return item
    return None


def _remove_take(timeline, made):
    item = find_item(timeline, made["item_id"])
    if item is None or item.takes() < made["take_index"]:
        return []
    if not item.select_take(made["take_before"]) or not item.delete_take(made["take_index"]):
        raise HostError(
            "DeleteFailed",
            "Resolve does not delete the take of {!r}".format(item.name()),
            "Open the take selector and delete it by hand",
        )
    return ["take deleted"]


def _used(project, clip_id):
    """Whether any timeline shows a clip."""
    for timeline in project.timelines():
        for track in range(1, timeline.video_tracks() + 1):
            for item in timeline.items(track):
                clip = item.clip()
                if clip is not None and clip.id() == clip_id:
                    return True
    return False
