"""Scenarios with a daemon: from a clip to its result."""

import json
import threading

import numpy as np
from scenario_base import VIEWS, loaded, prompted, scenario, timed
from support.ofx_host.host import Properties
from support.ofx_host.shot import Shot, as_host


def _work(host, effect, shot, *, collect=False):
    """Bring frames to the daemon and remove the object."""
    if collect:
        host.change(effect, "collect", 1)
        order = list(range(len(shot.frames)))
        for k in order[::-1] + order[:3]:
            shot.render(time=shot.first + k)
        host.change(effect, "process")  # Tracks; the masks are not approved yet.
    else:
        host.change(effect, "analyse")
    tracked = host.get(effect, "status")
    host.change(effect, "approve")
    approved = host.get(effect, "status")
    host.change(effect, "process")
    return {"tracked": tracked, "approved": approved, "processed": host.get(effect, "status")}


@scenario
def road(binary, frames, out, depth="Byte", components="RGBA", first=0, collect=False, file="",
         deliverable=1, mask="", click=(10, 24), layout=None, alpha=1.0):  # fmt: skip
    """From the clip to every view of the result; pictures go into a file."""
    host = loaded(binary)
    pixels = as_host(np.load(frames), depth, components, alpha=alpha)
    if alpha < 1:
        pixels[..., :3] = pixels[..., :3] * alpha
    values = {"deliverable": deliverable, "sourceFile": file, "sourceOffset": -first}
    values |= prompted(*click, pixels.shape[1]) | {"point1Frame": first}
    if mask:
        values |= {"useMask": 1, "point1Sign": 0}
    effect = host.create("General", values)
    masks = as_host(np.load(mask), depth, "Alpha") if mask else None
    shot = Shot(host, effect, pixels, first=first, mask=masks, layout=layout)
    if alpha < 1:
        shot.extra = {"OfxImageEffectPropPreMultiplication": "OfxImageAlphaPremultiplied"}
    words = _work(host, effect, shot, collect=collect)
    pictures, shown = {}, {}
    for view, option in VIEWS.items():
        host.set(effect, "view", option)
        rendered = [shot.render(time=first + k) for k in range(len(pixels))]
        shown[view] = [[status for status, _ in rendered], effect.persistent]
        pictures[view] = np.stack([picture for _, picture in rendered])
    np.savez(out, given=pixels, **pictures)
    kept = host.saved(effect)
    host.destroy(effect)
    return {
        "words": words,
        "shown": shown,
        "saved": kept,
        "violations": host.violations,
        "messages": host.messages,
        "progress": [p for p in host.progress if isinstance(p, str)],
    }


@scenario
def corrected(binary, frames):
    """Prompts are added and taken back after the first analysis."""
    host = loaded(binary)
    pixels = as_host(np.load(frames))
    height = pixels.shape[1]
    effect = host.create("General", prompted(10, 24, height) | {"targets": "square\nsky"})
    shot = Shot(host, effect, pixels)
    seen = []

    def analysed():
        before = host._images_taken
        host.change(effect, "analyse")
        state = json.loads(host.get(effect, "state"))
        fetched = host._images_taken - before
        seen.append([fetched, state["edit"], state["targets"], host.get(effect, "status")])

    analysed()
    host.set(effect, "point2Sign", 1)
    host.set(effect, "point2", [40.0, 3.0])
    host.set(effect, "point2Target", 2)
    analysed()
    host.set(effect, "point2Sign", 0)
    analysed()
    analysed()
    del shot
    return {"seen": seen, "messages": host.messages, "violations": host.violations}


@scenario
def mapped(binary, frames):
    """Pixels twice as wide as high, and a frame that does not start at the origin."""
    host = loaded(binary)
    pixels = as_host(np.load(frames))
    _, height, width, _ = pixels.shape
    values = {"point1Sign": 1, "point2Sign": 2, "box1Use": 1}
    values |= {"point1": [2 * (5 + 10.5), 20 + height - 24.5]}
    values |= {"point2": [2 * (5 + 60.5), 20 + height - 2.5]}
    values |= {"box1Corner": [2 * (5 + 17), 20 + height - 31], "box1Opposite": [2 * 8, 63 - 13]}
    effect = host.create("General", values)
    shot = Shot(host, effect, pixels, layout={"origin": (5, 20)})
    source = effect.clips["Source"]
    source.properties["OfxImagePropPixelAspectRatio"] = [2.0]
    source.region = (10.0, 20.0, 10.0 + 2 * width, 20.0 + height)
    host.change(effect, "point2", time=3.0)
    host.change(effect, "analyse")
    host.set(effect, "view", VIEWS["overlay"])
    overlay = shot.render()[1]
    rows, columns = np.nonzero((overlay != pixels[0]).any(axis=2))
    return {
        "status": host.get(effect, "status"),
        "edit": json.loads(host.get(effect, "state"))["edit"],
        "tinted": [int(columns.mean()), int(rows.mean())] if rows.size else [],
        "violations": host.violations,
    }


@scenario
def restored(binary, frames, values, out, first=0):
    """Another process opens the project: the result is there without any button."""
    host = loaded(binary)
    pixels = as_host(np.load(frames))
    effect = host.create("General", values)
    shot = Shot(host, effect, pixels, first=first)
    host.set(effect, "view", VIEWS["result"])
    rendered = [shot.render(time=first + k) for k in range(len(pixels))]
    np.savez(out, result=np.stack([picture for _, picture in rendered]))
    half = Shot(host, effect, pixels[:, ::2, ::2], first=first)
    small_status, small = half.render(time=first)
    return {
        "statuses": [status for status, _ in rendered],
        "message": effect.persistent,
        "small": [small_status, list(small.shape)],
        "violations": host.violations,
    }


@scenario
def stopped(binary, frames, button, after):
    """The user presses cancel."""
    host = loaded(binary)
    pixels = as_host(np.load(frames))
    effect = host.create("General", prompted(10, 24, pixels.shape[1]))
    shot = Shot(host, effect, pixels)
    if button == "process":
        host.change(effect, "analyse")
        host.change(effect, "approve")
    host.progress.clear()
    host.cancel_after = after
    _, seconds = timed(host.change, effect, button)
    host.cancel_after = None
    status = host.get(effect, "status")
    again = {}
    if button == "process":
        host.change(effect, "process")
        again["status"] = host.get(effect, "status")
    host.set(effect, "view", 0)
    passed = bool((shot.render()[1] == pixels[0]).all())
    return {
        "status": status,
        "seconds": seconds,
        "again": again,
        "passed": passed,
        "violations": host.violations,
        "messages": host.messages,
        "progress": [p for p in host.progress if isinstance(p, str)],
    }


@scenario
def two_hosts(binary, frames, values):
    """Two instances of one project at once, as hosts make them for previews."""
    host = loaded(binary)
    pixels = as_host(np.load(frames))
    effects = [host.create("General", values) for _ in range(2)]
    shots = [Shot(host, effect, pixels) for effect in effects]
    for effect in effects:
        host.set(effect, "view", VIEWS["result"])
    first = [shot.render(time=5)[1] for shot in shots]
    for shot in shots:
        shot.new_output(pixels[0])
    arguments = Properties(
        {"OfxPropTime": 5.0, "OfxImageEffectPropRenderWindow": list(shots[0].output.bounds)}
    )
    host.allow_images, statuses = True, []

    def render(effect):
        handles = [host._handle(thing) for thing in (effect, arguments, Properties())]
        for _ in range(10):
            statuses.append(host.plugin.main_entry(b"OfxImageEffectActionRender", *handles))

    threads = [threading.Thread(target=render, args=(effect,)) for effect in effects]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [0] * 20
    assert not host.images_out
    assert all((shot.output.pixels() == first[0]).all() for shot in shots)
    return {"same": bool((first[0] == first[1]).all()), "violations": host.violations}
