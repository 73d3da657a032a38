"""Scenarios with a daemon that is away or dies, and of loading and unloading."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
from scenario_base import BUTTONS, VIEWS, loaded, scenario, timed
from support.ofx_host.shot import Shot, as_host


@scenario
def away(binary, frames=3, wait=1.5, strict=0, buttons=BUTTONS):
    """No daemon, or one that does not do what it should."""
    host = loaded(binary)
    state = '{"session":"session-1","edit":"edit-1","job":"job-1"}'
    values = {"view": VIEWS["result"], "state": state, "waitSeconds": wait, "failInstead": strict}
    effect = host.create("General", values)
    shot = Shot(host, effect, as_host(np.full((2, 8, 8, 3), 77, np.uint8)))
    rendered = []
    for _ in range(frames):
        (status, pixels), seconds = timed(shot.render)
        same = bool((pixels == shot.frames[0]).all())
        rendered.append([status, same, seconds, effect.persistent])
    pressed = {button: timed(host.change, effect, button)[1] for button in buttons}
    host.destroy(effect)
    return {
        "rendered": rendered,
        "buttons": pressed,
        "messages": host.messages,
        "violations": host.violations,
    }


@scenario
def away_from(binary, data_dirs, **arguments):
    """The same for several daemons, one after the other, each with an effect of its own."""
    reports = {}
    for name, data_dir in data_dirs.items():
        sys.stderr.write(f"{name}\n")
        os.environ["PEANUT_DATA_DIR"] = data_dir
        reports[name] = away(binary, **arguments)
    return reports


@scenario
def reviewed(binary):
    host = loaded(binary)
    effect = host.create("General")
    host.change(effect, "review")
    return {"status": host.get(effect, "status")}


@scenario
def aborted(binary, values, frames):
    """The host wants no frame any more while it is made."""
    host = loaded(binary)
    pixels = as_host(np.load(frames))
    effect = host.create("General", values)
    shot = Shot(host, effect, pixels)
    host.abort_after = 1
    status, picture = shot.render()
    return {"status": status, "passed": bool((picture == pixels[0]).all()), "bad": host.violations}


@scenario
def killed(binary, values, frames, pid):
    """The daemon is killed between two frames, then in the middle of one."""
    host = loaded(binary)
    pixels = as_host(np.load(frames))
    effect = host.create("General", values)
    shot = Shot(host, effect, pixels)
    host.set(effect, "view", VIEWS["result"])
    before = [shot.render(time=k)[0] for k in range(2)]
    os.kill(pid, signal.SIGSTOP)
    host.set(effect, "waitSeconds", 0.5)
    (status, frozen), frozen_s = timed(shot.render, time=2)
    frozen_same = status == 0 and bool((frozen == pixels[2]).all())
    host.set(effect, "waitSeconds", 10.0)
    killer = os.fork()
    if killer == 0:
        time.sleep(0.4)
        os.kill(pid, signal.SIGKILL)
        os._exit(0)
    (status, cut), cut_s = timed(shot.render, time=3)
    os.waitpid(killer, 0)
    cut_same = status == 0 and bool((cut == pixels[3]).all())
    (status, gone), gone_s = timed(shot.render, time=4)
    gone_same = status == 0 and bool((gone == pixels[4]).all())
    message = effect.persistent
    host.set(effect, "waitSeconds", 1.5)
    deadline, back = time.monotonic() + 60, False
    while not back and time.monotonic() < deadline:
        time.sleep(0.2)
        status, picture = shot.render(time=1)
        back = effect.persistent is None and bool((picture != pixels[1]).any())
    return {
        "back": back,
        "before": before,
        "frozen": [frozen_same, frozen_s],
        "cut": [cut_same, cut_s],
        "gone": [gone_same, gone_s],
        "message": message,
        "violations": host.violations,
    }


def _resident():
    """Threads and resident bytes of this process."""
    status = Path("/proc/self/status").read_text()
    facts = dict(line.split(":", 1) for line in status.splitlines())
    return int(facts["Threads"]), int(facts["VmRSS"].split()[0]) * 1024


def _mapped(binary):
    return Path(binary).name in Path("/proc/self/maps").read_text()


@scenario
def reloaded(binary, times, values, frames):
    """Load, use, unload: again and again."""
    pixels = as_host(np.load(frames))
    seen, shown = [], set()
    for _ in range(times):
        host = loaded(binary)
        effect = host.create("General", values)
        shot = Shot(host, effect, pixels)
        host.set(effect, "view", VIEWS["result"])
        status, _ = shot.render(time=1)
        shown.add((status, effect.persistent))
        host.change(effect, "refresh")
        host.destroy(effect)
        host.unload()
        assert not _mapped(binary)
        seen.append(_resident())
    files = len(list(Path("/proc/self/fd").iterdir()))
    return {"seen": seen, "files": files, "shown": sorted(shown, key=str)}
