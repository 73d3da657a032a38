"""A shot as an OpenTimelineIO request, written by hand: inside Resolve there is no OTIO.

Times count from the media's start timecode, as in Resolve's own exports; the exact rate and drop
frame stand in the metadata, since OTIO keeps rates as floats and has no drop frame.
"""

import os

SCHEMA = 1


def request_document(shot, prompts=()):
    """The document for `start`.

    Args:
        shot: what `read_shot` found.
        prompts: as the daemon's page makes them; frames from the head of the file.
    """
    begin = shot.start_frame + shot.first
    references = {"DEFAULT_MEDIA": _reference(shot, shot.path)}
    if shot.proxy:
        references["proxy"] = _reference(shot, shot.proxy)
    clip = {
        "OTIO_SCHEMA": "Clip.2",
        "metadata": {"peanut": {"schema": SCHEMA, "request": _facts(shot, prompts)}},
        "name": shot.name,
        "source_range": _range(begin, shot.end - shot.first, shot.rate),
        "effects": [],
        "markers": [_marker(shot, prompt) for prompt in prompts],
        "enabled": True,
        "media_references": references,
        "active_media_reference_key": "DEFAULT_MEDIA",
    }
    after = shot.record_start - shot.timeline_start
    children = [] if after == 0 else [_gap(after, shot.timeline_rate)]
    return {
        "OTIO_SCHEMA": "Timeline.1",
        "metadata": {"peanut": {"schema": SCHEMA}},
        "name": "{} [peanut request]".format(shot.name),
        "global_start_time": _time(shot.timeline_start, shot.timeline_rate),
        "tracks": {
            "OTIO_SCHEMA": "Stack.1",
            "metadata": {},
            "name": "tracks",
            "source_range": None,
            "effects": [],
            "markers": [],
            "enabled": True,
            "children": [
                {
                    "OTIO_SCHEMA": "Track.1",
                    "metadata": {},
                    "name": "Video 1",
                    "source_range": None,
                    "effects": [],
                    "markers": [],
                    "enabled": True,
                    "children": children + [clip],
                    "kind": "Video",
                }
            ],
        },
    }


def _facts(shot, prompts):
    return {
        "prompts": [_from_first_frame(shot, prompt) for prompt in prompts],
        "rate": [shot.rate.numerator, shot.rate.denominator],
        "drop_frame": shot.drop_frame,
        "source": {
            "start_frame": shot.start_frame,
            "first_frame": shot.first,
            "frames": shot.end - shot.first,
        },
        "record": {
            "rate": [shot.timeline_rate.numerator, shot.timeline_rate.denominator],
            "drop_frame": shot.timeline_drop_frame,
            "timeline_start": shot.timeline_start,
            "first_frame": shot.record_start,
            "frames": shot.record_end - shot.record_start,
        },
    }


def _from_first_frame(shot, prompt):
    """Prompts in metadata count from the first frame of the request."""
    return dict(prompt, frame=int(prompt["frame"]) - shot.first)


def _marker(shot, prompt):
    return {
        "OTIO_SCHEMA": "Marker.2",
        "metadata": {"peanut": _from_first_frame(shot, prompt)},
        "name": str(prompt.get("kind", "prompt")),
        "color": "CYAN",
        "marked_range": _range(shot.start_frame + int(prompt["frame"]), 1, shot.rate),
    }


def _reference(shot, path):
    return {
        "OTIO_SCHEMA": "ExternalReference.1",
        "metadata": {},
        "name": os.path.basename(path),
        "available_range": _range(shot.start_frame, shot.frame_count, shot.rate),
        "target_url": path,
    }


def _gap(frames, rate):
    return {
        "OTIO_SCHEMA": "Gap.1",
        "metadata": {},
        "name": "",
        "source_range": _range(0, frames, rate),
        "effects": [],
        "markers": [],
        "enabled": True,
    }


def _time(frames, rate):
    return {"OTIO_SCHEMA": "RationalTime.1", "rate": float(rate), "value": float(frames)}


def _range(start, frames, rate):
    return {
        "OTIO_SCHEMA": "TimeRange.1",
        "start_time": _time(start, rate),
        "duration": _time(frames, rate),
    }
