"""What a piece of work will need: memory, room on the disk, time.

Pure: nothing is read or decoded here. The numbers behind it are the table in `costs`.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from peanut_daemon.deliverable import Deliverable, RenderSettings, RenderStage
from peanut_daemon.edits.model import Edit
from peanut_daemon.jobs import costs
from peanut_daemon.jobs.costing import Work
from peanut_daemon.jobs.costs import cost_of
from peanut_daemon.media import ClipInfo, working_size
from peanut_models.ranges import plan_windows
from peanut_models.stages import UPSCALE


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEstimate:
    """One stage: the memory it holds at its peak, and how long it takes.

    `movable_bytes` live on the accelerator while it has room, else in host memory, beyond the
    other two.
    """

    stage: str
    device_bytes: int
    host_bytes: int
    seconds: float
    movable_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a job will need.

    Attributes:
        device: what its networks run on; `cpu` where it has none.
        device_bytes: most memory on an accelerator, with what could move; 0 on a CPU.
        host_bytes: most memory of the worker.
        store_bytes: of windows in the store; they stay until the store is cleaned.
        output_bytes: of the deliverable and the files beside it.
        seconds: of work, without waiting for other jobs.
        measured: every row of the table behind it was measured on that kind of device; else some
            were reckoned.
        stages: where it comes from.
    """

    device: str
    device_bytes: int
    host_bytes: int
    store_bytes: int
    output_bytes: int
    seconds: float
    measured: bool
    stages: tuple[StageEstimate, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Estimate:
        """Back from `to_dict`."""
        stages = tuple(StageEstimate(**stage) for stage in values["stages"])
        return cls(**values | {"stages": stages})


def estimate(
    edit: Edit, settings: RenderSettings, *, device: str, matte_share: float = 1.0
) -> Estimate:
    """What a render will need.

    Args:
        edit: its clip and range count.
        settings: its models, window, working size and deliverable count.
        device: what networks run on.
        matte_share: of the picture, what the box around the matte covers in a window, 0 to 1; 1
            where it is not known.
    """
    picture = _Picture.of(edit, settings, matte_share)
    kind = device_kind(device)
    stages = [_plate(picture, settings, kind)]
    if settings.deliverable is Deliverable.UPSCALED:
        stages.append(_upscale(picture, settings, kind))
    stages.append(_encode(picture, settings))
    used = _models_of(settings)
    accelerated = any(cost_of(name, kind).device.fixed for name in used)
    return Estimate(
        device=device if accelerated else "cpu",
        device_bytes=max(stage.device_bytes + stage.movable_bytes for stage in stages),
        host_bytes=max(stage.host_bytes for stage in stages),
        store_bytes=_store_bytes(picture, settings),
        output_bytes=_output_bytes(picture, settings),
        seconds=sum(stage.seconds for stage in stages),
        measured=all(cost_of(name, kind).measured for name in used),
        stages=tuple(stages),
    )


def estimate_tracking(
    clip: ClipInfo,
    frames: int,
    targets: int,
    *,
    model: str,
    device: str,
    working_long_side_px: int,
) -> Estimate:
    """What computing masks will need.

    Args:
        clip: whose frames are looked at.
        frames: how many, of each target.
        targets: how many.
        model: the P-MASK.
        device: what networks run on.
        working_long_side_px: size of the pictures it works on.
    """
    width, height = working_size(clip.width, clip.height, working_long_side_px)
    cost = cost_of(model, device_kind(device))
    work = Work(px=width * height, frames=frames, done=frames * targets, targets=targets)
    decoded = costs.DECODED.bytes(Work(px=clip.width * clip.height, frames=1))
    stage = StageEstimate(
        stage="masks",
        device_bytes=cost.device.bytes(work),
        host_bytes=costs.WORKER_BYTES + decoded + cost.host.bytes(work),
        seconds=cost.time.seconds(work),
    )
    return Estimate(
        device=device if cost.device.fixed else "cpu",
        device_bytes=stage.device_bytes,
        host_bytes=stage.host_bytes,
        store_bytes=round(frames * targets * width * height * costs.MASK_BYTES_PER_PX),
        output_bytes=0,
        seconds=stage.seconds,
        measured=cost.measured,
        stages=(stage,),
    )


def device_kind(device: str) -> str:
    """The column of the table: `cpu`, `cuda` or `mps`."""
    return device.split(":")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """What the estimate sees of a clip and its windows."""

    width: int
    height: int
    matte_share: float
    sample_bytes: int
    span_frames: int
    core_frames: int
    windows: tuple[tuple[int, int], ...]  # frames held and frames filled, of each
    frames: int
    seconds: float

    @classmethod
    def of(cls, edit: Edit, settings: RenderSettings, matte_share: float) -> _Picture:
        windows = plan_windows(
            edit.frame_range,
            core_frames=settings.window_frames,
            context_frames=settings.context_frames,
        )
        sizes = tuple((len(window.span), len(window.core)) for window in windows)
        return cls(
            width=edit.clip.width,
            height=edit.clip.height,
            matte_share=matte_share,
            sample_bytes=1 if edit.clip.bit_depth == 8 else 2,
            span_frames=max(span for span, _ in sizes),
            core_frames=max(core for _, core in sizes),
            windows=sizes,
            frames=len(edit.frame_range),
            seconds=len(edit.frame_range) * edit.clip.rate.den / edit.clip.rate.num,
        )

    @property
    def px(self) -> int:
        return self.width * self.height

    @property
    def box_px(self) -> int:
        """Of the box around the matte."""
        return max(1, round(self.px * self.matte_share))

    def around_px(self, margin_px: int, *, growth: float = 1.0, scale: int = 1) -> int:
        """The box, so much larger and with so much more on each side.

        In pixels of the picture at a fraction of its size.
        """
        share = growth * math.sqrt(self.matte_share)
        width, height = self.width / scale, self.height / scale
        across = min(width, width * share + 2 * margin_px)
        return round(across * min(height, height * share + 2 * margin_px))

    def stored_window_bytes(self) -> int:
        """A plate as it lies in the store, and in memory while it is used."""
        each = 3 * self.sample_bytes + costs.ALPHA_BYTES + costs.PROVENANCE_BYTES
        return self.box_px * self.core_frames * each


def _plate(picture: _Picture, settings: RenderSettings, kind: str) -> StageEstimate:
    held = Work(
        px=picture.px,
        frames=picture.span_frames,
        matte_px=picture.around_px(costs.MATTE_MARGIN_PX),
    )
    steps = [(cost_of(costs.PROPAGATION, kind), held)]
    host = costs.WORKER_BYTES + costs.PLATE[picture.sample_bytes].bytes(held)
    if settings.eraser.name != costs.PROPAGATION:
        region_px = picture.around_px(
            costs.REGION_MARGIN_PX, growth=costs.REGION_GROWTH, scale=settings.working_scale
        )
        steps.append((cost_of(settings.eraser.name, kind), replace(held, px=region_px)))
        host += costs.NETWORK_REST.bytes(held)
    seconds = sum(cost.time.fixed for cost, _ in steps)
    for span, core in picture.windows:
        seconds += costs.DECODE_S_PER_MEGAPIXEL * picture.px * span / 1e6
        for cost, work in steps:
            seconds += cost.time.seconds(replace(work, frames=span, done=core))
    return StageEstimate(
        stage=RenderStage.PLATE.value,
        device_bytes=sum(cost.device.bytes(work) for cost, work in steps),
        host_bytes=host + sum(cost.host.bytes(work) for cost, work in steps),
        seconds=seconds,
    )


def _upscale(picture: _Picture, settings: RenderSettings, kind: str) -> StageEstimate:
    cost = cost_of(settings.upscaler.name, kind)
    band_px = costs.BAND_PX + picture.width * costs.BAND_HALO_ROWS
    work = Work(px=picture.px, frames=1, done=picture.frames, tile_px=min(picture.px, band_px))
    writer = costs.SEGMENT_WRITER.bytes(work) * picture.sample_bytes
    return StageEstimate(
        stage=RenderStage.UPSCALE.value,
        device_bytes=cost.device.bytes(work),
        movable_bytes=cost.movable.bytes(work),
        host_bytes=costs.WORKER_BYTES
        + writer
        + picture.stored_window_bytes()
        + cost.host.bytes(work),
        seconds=cost.time.fixed
        + cost.time.seconds(work)
        + costs.ENCODE_S_PER_MEGAPIXEL * picture.px * UPSCALE**2 * picture.frames / 1e6,
    )


def _encode(picture: _Picture, settings: RenderSettings) -> StageEstimate:
    enlarged = UPSCALE**2 if settings.deliverable is Deliverable.UPSCALED else 1
    work = Work(px=picture.px * enlarged, frames=1)
    megapixels = picture.px * picture.frames / 1e6
    return StageEstimate(
        stage=RenderStage.ENCODE.value,
        device_bytes=0,
        host_bytes=costs.WORKER_BYTES
        + picture.stored_window_bytes()
        + costs.WRITER.bytes(work) * picture.sample_bytes,
        seconds=megapixels
        * (costs.DECODE_S_PER_MEGAPIXEL + costs.ENCODE_S_PER_MEGAPIXEL * enlarged),
    )


def _store_bytes(picture: _Picture, settings: RenderSettings) -> int:
    plates = picture.stored_window_bytes() / picture.core_frames * picture.frames
    plates += len(picture.windows) * costs.STORED_FILE_BYTES
    if settings.reuse_flows:
        plates += costs.FLOW_BYTES_PER_PX * picture.px * picture.frames
    segments = 0.0
    if settings.deliverable is Deliverable.UPSCALED:
        raw = 3 * picture.sample_bytes * picture.px * UPSCALE**2 * picture.frames
        segments = raw * costs.LOSSLESS_SHARE
    return round(plates + segments)


def _output_bytes(picture: _Picture, settings: RenderSettings) -> int:
    enlarged = UPSCALE**2 if settings.deliverable is Deliverable.UPSCALED else 1
    per_px = costs.OUTPUT_BYTES_PER_PX.get(
        settings.codec.value, costs.UNKNOWN_OUTPUT_BYTES_PER_PX * picture.sample_bytes
    )
    if settings.codec.value in costs.LOSSLESS_CODECS:
        per_px *= picture.sample_bytes
    if enlarged != 1:
        per_px *= costs.ENLARGED_SHARE
    shown = picture.matte_share if settings.deliverable is Deliverable.PATCH else 1.0
    pictures = picture.px * enlarged * picture.frames * per_px * max(shown, costs.EMPTY_SHARE)
    matte = picture.px * picture.frames * costs.MATTE_FILE_BYTES_PER_PX
    sound = picture.seconds * costs.SOUND_BYTES_PER_S
    return round(pictures + matte + sound) + costs.SIDE_FILES_BYTES


def _models_of(settings: RenderSettings) -> tuple[str, ...]:
    upscales = settings.deliverable is Deliverable.UPSCALED or settings.working_scale != 1
    used = [costs.PROPAGATION, settings.eraser.name]
    return tuple(dict.fromkeys(used + ([settings.upscaler.name] if upscales else [])))
