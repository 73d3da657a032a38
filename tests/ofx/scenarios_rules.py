"""Scenarios without a daemon: descriptions, pass-through, and hosts that misbehave."""

import numpy as np
from scenario_base import VIEWS, loaded, scenario
from support.ofx_host.host import TestHost
from support.ofx_host.shot import Shot, as_host, random_pixels


@scenario
def described(binary):
    host = loaded(binary)
    contexts = {}
    for context in ("Filter", "General"):
        effect = host.describe(context)
        contexts[context] = {
            "clips": {
                name: clip.properties.get("OfxImageClipPropOptional", [0])[0]
                for name, clip in effect.clips.items()
            },
            "params": {
                name: {
                    key: [v.decode() if isinstance(v, bytes) else v for v in values]
                    for key, values in param.properties.items()
                }
                | {"kind": param.kind}
                for name, param in effect.params.items()
            },
        }
    plugin = {
        key: [v.decode() if isinstance(v, bytes) else v for v in values]
        for key, values in host.descriptor.properties.items()
    }
    unknown = host.action("OfxActionSomethingNew", host.descriptor)
    return {"contexts": contexts, "plugin": plugin, "unknown": unknown, "bad": host.violations}


@scenario
def bare_hosts(binary, cases):
    """Hosts that lack suites."""
    return [_bare_host(binary, **case) for case in cases]


def _bare_host(binary, without, name="org.peanut.TestHost", lacking=()):
    without = [tuple(key) for key in without]
    host = TestHost(binary, name=name, without=without, lacking=lacking)
    status = host.load()
    if status != 0:
        return {"status": status, "again": host.action("OfxActionUnload")}
    effect = host.create("Filter")
    shot = Shot(host, effect, as_host(np.zeros((2, 4, 4, 3), np.uint8)))
    host.set(effect, "view", VIEWS["matte"])
    rendered, pixels = shot.render()
    host.destroy(effect)
    passed = bool((pixels == shot.frames[0]).all())
    return {"status": status, "rendered": rendered, "passed": passed, "messages": host.messages}


@scenario
def passed_through(binary, views=("source", "result")):
    """Every depth, component set, stride and window: bit for bit."""
    host, wrong = loaded(binary), []
    for depth in ("Byte", "Short", "Half", "Float"):
        for components in ("RGBA", "RGB", "Alpha"):
            frames = random_pixels(depth, components)[None]
            for layout in (
                {},
                {"padding": 20},
                {"top_down": True, "padding": 4},
                {"origin": (-3, 5)},
            ):
                effect = host.create("Filter")
                shot = Shot(host, effect, frames, layout=layout)
                shot.extra = {"OfxImageEffectPropPreMultiplication": "OfxImageAlphaPremultiplied"}
                for view in views:
                    host.set(effect, "view", VIEWS[view])
                    status, pixels = shot.render()
                    if status != 0 or pixels.tobytes() != frames[0].tobytes():
                        wrong.append([depth, components, str(layout), view, status])
                host.destroy(effect)
    return {"wrong": wrong, "violations": host.violations, "messages": host.messages}


@scenario
def small_window(binary):
    """Only the window is written; what the source lacks is black."""
    host = loaded(binary)
    effect = host.create("Filter")
    frames = random_pixels("Byte", "RGBA", height=8, width=8)[None]
    shot = Shot(host, effect, frames)
    _, pixels = shot.render(window=(2, 3, 5, 6))
    inside = np.zeros((8, 8), bool)
    inside[8 - 6 : 8 - 3, 2:5] = True
    kept = bool((pixels[~inside] == 0x5A).all())
    same = bool((pixels[inside] == frames[0][inside]).all())
    beyond, black = shot.render(time=7)
    status, wide = shot.render(window=(-100, -100, 100, 100))
    return {
        "kept": kept,
        "same": same,
        "beyond": [beyond, int(black.max())],
        "wide": [status, bool((wide == frames[0]).all())],
        "violations": host.violations,
        "messages": host.messages,
    }


@scenario
def identity(binary):
    host = loaded(binary)
    effect = host.create("Filter")
    arguments = {"OfxPropTime": 3.0}
    answers = {}
    for view in VIEWS:
        host.set(effect, "view", VIEWS[view])
        answers[view] = host.action("OfxImageEffectActionIsIdentity", effect, arguments)
    host.set(effect, "view", 0)
    host.action("OfxImageEffectActionIsIdentity", effect, arguments)
    named = host.outputs["OfxPropName"][0].decode()
    host.set(effect, "collect", 1)
    answers["collecting"] = host.action("OfxImageEffectActionIsIdentity", effect, arguments)
    return {"answers": answers, "named": named, "time": host.outputs.get("OfxPropTime")}


@scenario
def saved(binary, values):
    host = loaded(binary)
    effect = host.create("General", values)
    host.action("OfxActionSyncPrivateData", effect)
    return host.saved(effect)


@scenario
def refused(binary, cases):
    """Frames that cannot be worked on, in a view that would need the daemon."""
    host, reports = loaded(binary), []
    for case in cases:
        state = '{"edit":"e","session":"s"}'
        effect = host.create("Filter", {"view": VIEWS["matte"], "state": state})
        frames = random_pixels("Byte", "RGBA")[None]
        shot = Shot(host, effect, frames, source_extra=case.pop("extra", {}))
        status, pixels = shot.render(**case)
        same = bool((pixels == frames[0]).all())
        message, bad = effect.persistent, host.violations
        reports.append({"status": status, "same": same, "message": message, "bad": bad})
        host.destroy(effect)
    return reports


@scenario
def broken_images(binary):
    """What a host must not give, and some give."""
    host = loaded(binary)
    effect = host.create("Filter", {"view": VIEWS["matte"]})
    frames = random_pixels("Byte", "RGBA")[None]
    statuses = []
    for extra in (
        {"OfxImagePropData": 0},
        {"OfxImagePropRowBytes": 8},
        {"OfxImageEffectPropPixelDepth": "OfxBitDepthNone"},
        {"OfxImageEffectPropComponents": "OfxImageComponentYUVA"},
        {"OfxImagePropBounds": [0, 0, 0, 0]},
    ):
        shot = Shot(host, effect, frames)
        shot.source_extra = extra
        statuses.append(shot.render()[0])
        shot.extra = extra
        statuses.append(shot.render()[0])
    return {"statuses": statuses, "violations": host.violations}


@scenario
def endless(binary):
    """Clips without an end and without edges, as generators have them."""
    host = loaded(binary)
    effect = host.create("General", {"view": VIEWS["matte"]})
    frames = random_pixels("Byte", "RGBA")[None]
    shot = Shot(host, effect, frames)
    far = 2**31 - 1
    shot.source_extra = {"OfxImagePropRegionOfDefinition": [-far - 1, -far - 1, far, far]}
    passed = [bool((shot.render()[1] == frames[0]).all())]
    shot.source_extra = {"OfxImagePropBounds": [-far - 1, -far - 1, far, far]}
    passed.append(shot.render()[0] == 0)
    source, said = effect.clips["Source"], []
    for first, last in ((-1e300, 1e300), (float("-inf"), float("inf")), (0.0, float("nan"))):
        source.properties["OfxImageEffectPropFrameRange"] = [first, last]
        host.change(effect, "collect", 1)
        said.append(host.get(effect, "status"))
        host.change(effect, "point1", time=last)
    source.properties["OfxImageEffectPropFrameRange"] = [0.0, 9.0]
    source.region = (-1e300, -1e300, 1e300, 1e300)
    host.change(effect, "collect", 1)
    render = {"OfxImageEffectPropRenderWindow": [-far - 1, -far - 1, far, far]}
    passed.append(shot.render(arguments=render)[0] == 0)
    return {"passed": passed, "said": said, "violations": host.violations}


@scenario
def all_of_these(binary):
    """In one process, for runs that are slow to start."""
    for run in (described, passed_through, small_window, identity, broken_images, endless):
        run(binary)
    return {}
