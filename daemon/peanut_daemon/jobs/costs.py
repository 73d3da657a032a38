"""What the models cost, by kind of device: the one table that `admission` reckons with.

Rows for `cpu` were measured by `benchmarks/bench_admission.py`, at two sizes or more so that fixed
and growing parts separate (`benchmarks/results/admission.md`), and rounded up; weights were seeded
noise, since cost does not depend on them. Seconds are those of two CPU cores. Rows that say
`measured=False` were reckoned from these and the networks' operation counts: no such device was at
hand. Bytes of an accelerator are of half precision there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from peanut_daemon.jobs.costing import Cost, Memory, Time
from peanut_models.errors import ModelNotFoundError
from peanut_models.working_size import BYTES_PER_PX, HALF_BYTES_PER_PX

MIB = 2**20

PROPAGATION, LANCZOS = "embedded/propagation", "embedded/lanczos"

WORKER_BYTES = 150 * MIB
"""Of a worker that has decoded and encoded something, without models."""

DECODED = Memory(per_px=24.0)
"""One decoded picture on its way to an array, and what the decoder keeps beside it."""

PLATE = {1: Memory(per_px_frame=11.0), 2: Memory(per_px_frame=17.0)}
"""A window on its way through the worker, by bytes per sample: frames, matte, holes, the finished
frames of the window before, provenance."""

NETWORK_REST = Memory(per_px_frame=42.0)
"""A window handed to a network: three copies in float32, one of 16 bits."""

WRITER = Memory(per_px=72.0)
"""Pictures on their way into an encoder, per byte of a sample; 4 threads hold one each."""

SEGMENT_WRITER = Memory(per_px=16 * 72.0)
"""The same for a lossless segment of four times the size."""

DECODE_S_PER_MEGAPIXEL = 0.03
ENCODE_S_PER_MEGAPIXEL = 0.12

BAND_PX, BAND_HALO_ROWS = 1 << 17, 24
"""Of `embedded/lanczos`: what it enlarges at once, and rows around it on both sides together."""

MATTE_MARGIN_PX = 32
"""How much around a hole the propagation looks at."""

REGION_MARGIN_PX, REGION_GROWTH = 78, 1.5
"""How much larger the network's region is than the matte's box: context of a quarter of its side
on each, and sides that are multiples of 60 and 108 px."""

ALPHA_BYTES, PROVENANCE_BYTES = 1, 4
"""Per pixel of a stored plate."""

STORED_FILE_BYTES = 20480
"""Of a window in the store, besides pixels: its grain, names and shapes of its arrays."""

FLOW_BYTES_PER_PX = 4.0
"""Of the motion that is stored with a plate for UR-Net, of the whole picture."""

MASK_BYTES_PER_PX = 0.01
"""Of a mask as a PNG of 1 bit."""

OUTPUT_BYTES_PER_PX = {
    "ffv1": 1.2,
    **{"prores_422": 0.4, "prores_hq": 0.6, "prores_4444": 0.9},
    **{"dnxhr_hq": 0.5, "dnxhr_hqx": 0.5, "dnxhr_444": 1.0},
    **{"h264": 0.2, "h264_10": 0.25, "h265": 0.2, "h265_10": 0.25},
    "exr": 6.0,
}
"""Of an encoded picture with grain; of a lossless codec per byte of a sample. FFV1 was measured,
those of constant rate are by their published rates at HD, the others guessed on the safe side."""

LOSSLESS_CODECS = frozenset({"ffv1"})

UNKNOWN_OUTPUT_BYTES_PER_PX = 3.0
"""Of other codecs, per byte of a sample: the picture uncompressed."""

LOSSLESS_SHARE = 0.35
"""Of an enlarged picture that is left by lossless coding: enlarging adds no detail."""

ENLARGED_SHARE = 0.5
"""Of the bytes that an encoded picture takes per pixel, what an enlarged one takes."""

EMPTY_SHARE = 0.03
"""Least share of a patch's bytes, where next to nothing is shown."""

MATTE_FILE_BYTES_PER_PX = 0.02
SOUND_BYTES_PER_S = 300_000
SIDE_FILES_BYTES = 4 * MIB


def _network(
    *,
    weights_mib: int,
    host: Memory,
    time: Time,
    device: Memory,
    movable: Memory | None = None,
    measured: bool = True,
) -> dict[str, Cost]:
    """A network's three rows, of which that for the CPU is measured.

    An accelerator holds half as much per pixel as the CPU, and libraries of it take 600 MiB there
    and 2 GiB of host memory; a large one does in a second what two cores do in a minute, Apple's
    in seven.
    """
    libraries = Memory(fixed=(2048 + 2 * weights_mib) * MIB)
    on_device = replace(device, fixed=device.fixed + (600 + weights_mib) * MIB)

    def elsewhere(factor: float) -> Cost:
        return Cost(
            host=libraries,
            device=on_device,
            movable=movable or Memory(),
            time=time.faster(factor),
            measured=False,
        )

    own = Cost(host=host, time=time, measured=measured)
    return {"cpu": own, "cuda": elsewhere(60), "mps": elsewhere(8)}


def _everywhere(cost: Cost) -> dict[str, Cost]:
    """The rows of a model that runs on the CPU whatever else there is."""
    return {"cpu": cost, "cuda": cost, "mps": cost}


def _sam2(
    weights_mib: int,
    host_mib: int,
    seconds: float,
    *,
    target_mib: int = 100,
    each: float = 1.0,
    measured: bool = True,
) -> dict[str, Cost]:
    """SAM 2: its pictures are 1024 px square whatever the clip's size."""
    return _network(
        weights_mib=weights_mib,
        host=Memory(fixed=host_mib * MIB, per_px=60.0, per_target=target_mib * MIB),
        device=Memory(fixed=host_mib // 2 * MIB, per_target=target_mib // 2 * MIB),
        time=Time(fixed=4.0, per_frame=seconds, per_done_frame=each),
        measured=measured,
    )


def _basicvsr(
    weights_mib: int, per_px: float, device_mib: int, seconds: float, *, measured: bool = True
) -> dict[str, Cost]:
    """UR-Net at the least it can do with, see `ur_net.planning`.

    It takes more where there is more, which does not change its pixels.
    """
    return _network(
        weights_mib=weights_mib,
        host=Memory(fixed=(850 + 2 * weights_mib) * MIB, per_px=per_px),
        device=Memory(fixed=device_mib * MIB, per_px=1000.0),
        movable=Memory(per_px=per_px),
        time=Time(fixed=4.0, per_done_megapixel=seconds),
        measured=measured,
    )


_E2FGVI = _network(
    weights_mib=170,
    host=Memory(fixed=900 * MIB, per_px=BYTES_PER_PX),
    device=Memory(per_px=HALF_BYTES_PER_PX),
    time=Time(fixed=5.0, per_done_frame=0.4, per_done_megapixel=47.0),
)

COSTS: Mapping[str, Mapping[str, Cost]] = {
    PROPAGATION: _everywhere(
        Cost(
            host=Memory(fixed=20 * MIB, per_px_frame=29.0, per_matte_px_frame=40.0),
            time=Time(per_frame=0.036, per_megapixel=0.55, per_matte_megapixel_look=0.145),
            measured=True,
        )
    ),
    LANCZOS: _everywhere(
        Cost(
            host=Memory(fixed=30 * MIB, per_px=90.0, per_tile_px=1350.0),
            time=Time(per_done_megapixel=1.1),
            measured=True,
        )
    ),
    "embedded/masks": _everywhere(
        Cost(
            host=Memory(fixed=75 * MIB, per_px=250.0),
            time=Time(per_done_frame=0.18, per_done_megapixel=0.5),
            measured=True,
        )
    ),
    "e2fgvi": _E2FGVI,
    "basicvsr_pp": _basicvsr(27, 7500.0, 200, 170.0),
    "basicvsr_pp/ntire": _basicvsr(167, 14_000.0, 850, 900.0, measured=False),
    "sam2.1/tiny": _sam2(149, 1750, 2.0),
    "sam2.1/small": _sam2(176, 1800, 2.3, measured=False),
    "sam2.1/base_plus": _sam2(309, 2100, 4.0),
    "sam2.1/large": _sam2(857, 3300, 9.0, measured=False),
    # With eight frames in its memory, which is the most it keeps.
    "deaot": _network(
        weights_mib=76,
        host=Memory(fixed=850 * MIB, per_px=2900.0),
        device=Memory(per_px=1500.0),
        time=Time(fixed=4.0, per_frame=0.2, per_megapixel=6.5),
        measured=False,
    ),
    "samwise": _sam2(780, 3500, 8.0, target_mib=400, each=4.0),
    "grounding": _sam2(900, 4200, 5.0, measured=False),
    "sam3": _sam2(3400, 9000, 20.0, target_mib=300, each=3.0, measured=False),
}
"""By model, or by the part of its name before a slash, and kind of device."""


def cost_of(model: str, kind: str) -> Cost:
    """The row of a model.

    Args:
        model: its card's name.
        kind: `cpu`, `cuda` or `mps`.

    Raises:
        ModelNotFoundError: the table has no such row.
    """
    # The weights of SAM 2.0 are as large as those of 2.1.
    same = model.replace("sam2.0/", "sam2.1/")
    family = same.split("/")[0].removesuffix("_hq")
    row = COSTS.get(same) or COSTS.get(family)
    if row is None or kind not in row:
        raise ModelNotFoundError(
            f"what {model!r} needs on {kind!r} is not known: measure it with "
            "benchmarks/bench_admission.py and enter it in the table of costs"
        )
    return row[kind]
