"""Whether the machine has what a piece of work needs: asked before anything is decoded.

Pure: the machine's facts are handed in. What does not fit is refused with the figures and with the
setting that would fit, found by trying it through the same estimate; nothing that was asked for is
made smaller. Where no number of frames per window was asked for, the largest usual one that fits is
taken, and the job says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from peanut_daemon.config import USUAL_WINDOW_FRAMES
from peanut_daemon.deliverable import ChosenModel, Deliverable, RenderSettings, RenderStage
from peanut_daemon.edits.model import Edit
from peanut_daemon.errors import DiskFullError, WontFitError
from peanut_daemon.jobs.costs import LANCZOS, PROPAGATION
from peanut_daemon.jobs.estimate import Estimate, StageEstimate, estimate
from peanut_models.ranges import FrameRange
from peanut_models.working_size import SCALES

STAGE_WORDS = {
    "masks": "computing masks",
    RenderStage.PLATE.value: "finding the background",
    RenderStage.UPSCALE.value: "upscaling",
    RenderStage.ENCODE.value: "encoding",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What there is.

    Attributes:
        device: what networks run on, as PyTorch spells it.
        device_bytes: memory of it that may be used; 0 where unknown, or where it is the host's.
        host_bytes: host memory that a worker may use; 0 where unknown.
        store: folder of the store.
        store_free_bytes: room on its disk, less what must stay free.
        output: folder of the deliverable.
        output_free_bytes: the same for its disk.
        one_disk: both are on the same disk.
    """

    device: str
    device_bytes: int
    host_bytes: int
    store: Path
    store_free_bytes: int
    output: Path
    output_free_bytes: int
    one_disk: bool


def admit(
    edit: Edit,
    settings: RenderSettings,
    machine: Machine,
    *,
    matte_share: float = 1.0,
    stored_bytes: int = 0,
) -> Estimate:
    """What a render will need, if the machine has it.

    Args:
        edit: see `estimate`.
        settings: likewise.
        machine: what there is.
        matte_share: see `estimate`.
        stored_bytes: of windows that are in the store already.

    Raises:
        WontFitError: too little memory; the message names what would fit.
        DiskFullError: too little room on a disk; likewise.
    """
    needs = estimate(edit, settings, device=machine.device, matte_share=matte_share)
    if lack := memory_lack(needs, machine):
        ways = _ways_that_fit(edit, settings, machine, matte_share)
        raise WontFitError(f"{_picture_words(edit, settings)}: {lack}; {ways}")
    if lack := _disk_lack(needs, machine, stored_bytes):
        ways = _shorter_that_fits(edit, settings, machine, matte_share, stored_bytes)
        raise DiskFullError(f"{lack}: make room, choose another disk, or {ways}")
    return needs


def admit_tracking(needs: Estimate, machine: Machine) -> None:
    """Refuse to compute masks where the machine has too little memory for it.

    Raises:
        WontFitError: with the figures.
    """
    if lack := memory_lack(needs, machine):
        raise WontFitError(
            f"{lack}: choose another model with --p-mask (embedded needs least), or lower the "
            "setting working_long_side_px"
        )


def window_that_fits(
    edit: Edit, settings: RenderSettings, machine: Machine, *, matte_share: float = 1.0
) -> tuple[int, str]:
    """The frames per window for a render that asks for no number, and why.

    Where nothing fits, the usual number: `admit` refuses it with the figures.
    """
    usual = replace(settings, window_frames=USUAL_WINDOW_FRAMES)
    frames = _largest_window(edit, usual, machine, matte_share)
    if frames is None or frames == USUAL_WINDOW_FRAMES:
        return USUAL_WINDOW_FRAMES, "the usual number"
    return frames, (
        f"the most that fit into {_size(machine.host_bytes)} of memory, instead of "
        f"{USUAL_WINDOW_FRAMES}: each window sees less far"
    )


def memory_lack(needs: Estimate, machine: Machine) -> str:
    """Which stage needs more memory than there is, in words; empty where all fit."""
    for stage in needs.stages:
        if machine.device_bytes and stage.device_bytes > machine.device_bytes:
            return _lack(stage, stage.device_bytes, f"on {needs.device}", machine.device_bytes)
        spare = machine.device_bytes - stage.device_bytes if machine.device_bytes else 0
        host = stage.host_bytes + max(0, stage.movable_bytes - spare)
        if machine.host_bytes and host > machine.host_bytes:
            return _lack(stage, host, "of memory", machine.host_bytes)
    return ""


def _lack(stage: StageEstimate, needed: int, where: str, there: int) -> str:
    return (
        f"{STAGE_WORDS[stage.stage]} needs about {_size(needed)} {where}, but {_size(there)} "
        "may be used"
    )


def _ways_that_fit(
    edit: Edit, settings: RenderSettings, machine: Machine, matte_share: float
) -> str:
    """The first change of the settings that fits, least harm first, as the editor types it."""
    for changed, words in _changes(settings):
        frames = _largest_window(edit, changed, machine, matte_share)
        if frames is None:
            continue
        if frames < settings.window_frames:
            words = [*words, f"--window-frames {frames}"]
        return f"this would fit: {', '.join(words)}"
    return "no setting makes it fit: work on a smaller picture, or on a machine with more memory"


def _changes(settings: RenderSettings) -> Iterator[tuple[RenderSettings, list[str]]]:
    """The settings with fewer and fewer demands besides the window."""
    scales = {settings.working_scale: ""}
    if settings.eraser.name != PROPAGATION:
        scales |= {n: name for name, n in SCALES.items() if n > settings.working_scale}
    for scale, name in scales.items():
        changed = replace(settings, working_scale=scale)
        words = [f"--working-size {name}"] if name else []
        yield changed, words
        if settings.deliverable is Deliverable.UPSCALED and settings.upscaler.name != LANCZOS:
            yield (
                replace(changed, upscaler=ChosenModel(LANCZOS)),
                [*words, "--ur-net embedded"],
            )
    if settings.deliverable is Deliverable.UPSCALED:
        yield replace(settings, deliverable=Deliverable.FULL), ["--deliver full"]
    if settings.eraser.name != PROPAGATION:
        plain = replace(settings, eraser=ChosenModel(PROPAGATION), working_scale=1)
        yield plain, ["--nof-eraser embedded"]
    for context in (settings.context_frames // 2, settings.context_frames // 4):
        if context:
            yield (
                replace(settings, context_frames=context),
                [f"the setting context_frames = {context}"],
            )


def _largest_window(
    edit: Edit, settings: RenderSettings, machine: Machine, matte_share: float
) -> int | None:
    """The most frames per window, up to those of the settings, with which all fits."""
    low, high = 0, settings.window_frames
    while low < high:
        middle = (low + high + 1) // 2
        tried = replace(settings, window_frames=middle)
        needs = estimate(edit, tried, device=machine.device, matte_share=matte_share)
        low, high = (low, middle - 1) if memory_lack(needs, machine) else (middle, high)
    return low or None


def _disk_lack(needs: Estimate, machine: Machine, stored_bytes: int) -> str:
    """Which disk has too little room, in words; empty where all fits."""
    store = max(0, needs.store_bytes - stored_bytes)
    both = store + needs.output_bytes
    wanted = (
        (
            machine.output,
            machine.output_free_bytes,
            both if machine.one_disk else needs.output_bytes,
        ),
        (machine.store, machine.store_free_bytes, both if machine.one_disk else store),
    )
    for folder, free, needed in wanted:
        if needed > free:
            return (
                f"the disk of {folder} has {max(0, free) // 2**20} MiB left for renders, but this "
                f"one may need {-(-needed // 2**20)} MiB"
            )
    return ""


def _shorter_that_fits(
    edit: Edit, settings: RenderSettings, machine: Machine, matte_share: float, stored_bytes: int
) -> str:
    """The longest range from the edit's start that would fit, as the editor types it."""
    start, low, high = edit.frame_range.start, 0, len(edit.frame_range) - 1
    while low < high:
        middle = (low + high + 1) // 2
        shorter = replace(edit, frame_range=FrameRange(start, start + middle))
        needs = estimate(shorter, settings, device=machine.device, matte_share=matte_share)
        fits = not _disk_lack(needs, machine, stored_bytes)
        low, high = (middle, high) if fits else (low, middle - 1)
    if not low:
        return "make more than that: not even one frame fits"
    return f"render a shorter range: --range {start}:{start + low} would fit"


def _picture_words(edit: Edit, settings: RenderSettings) -> str:
    clip = edit.clip
    frames = min(settings.window_frames, len(edit.frame_range))
    return (
        f"a window of {frames} frames and {settings.context_frames} on each side at "
        f"{clip.width}x{clip.height} is too much"
    )


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
