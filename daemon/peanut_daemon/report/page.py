"""The report as a page for a browser: one file, nothing fetched, everything given is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

from peanut_daemon.report import plots
from peanut_daemon.report.measures import DOUBTFUL_RATIO, FrameMeasure
from peanut_daemon.report.thumbnails import COLOURS

_KINDS = ("propagated", "donor", "generated")
# Steps of a job's time that are no stage of the work.
_NO_STAGES = ("queue", "turns", "daemon")
_MIB = 1 << 20


def page(
    report: Mapping[str, Any],
    *,
    provenance: Sequence[tuple[int, str]],
    doubtful: Sequence[tuple[FrameMeasure, str]],
) -> str:
    """The page of a report.

    Args:
        report: as its JSON holds it.
        provenance: frames and pictures of where their pixels came from, as data addresses.
        doubtful: frames that should be looked at, with pictures.
    """
    first_frame = report["range"][0]
    shares = report["pixels"]["per_frame"]
    measures = report["quality"]["per_frame"]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("peanut_daemon.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        report=report,
        proof=report["proof"],
        provenance=provenance,
        doubtful=doubtful,
        kinds=_KINDS,
        colours={kind: "#" + bytes(rgb).hex() for kind, rgb in COLOURS.items()},
        limit=DOUBTFUL_RATIO,
        areas=plots.areas(first_frame, {kind: [f[kind] for f in shares] for kind in _KINDS}),
        lines=plots.lines(
            first_frame,
            {name: [m[name] for m in measures] for name in ("seam", "flicker")},
            mark=DOUBTFUL_RATIO,
        ),
        stages=_stages(report["seconds"]),
        needs=_needs(report["estimate"]),
        settings=_settings(report),
        source=_source(report["source"]),
    )


def _stages(seconds: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Time per stage, with its steps by length; `share` is of the longest stage."""
    totals: dict[str, float] = {
        name: sum(spent.values()) if isinstance(spent, Mapping) else spent
        for name, spent in seconds.items()
    }
    longest = max(totals.values(), default=0.0) or 1.0
    return [
        {
            "name": name,
            "seconds": total,
            "share": total / longest,
            "steps": sorted(_steps(seconds[name]).items(), key=lambda step: -step[1]),
            "work": name not in _NO_STAGES,
        }
        for name, total in totals.items()
    ]


def _steps(spent: float | Mapping[str, float]) -> Mapping[str, float]:
    return spent if isinstance(spent, Mapping) else {}


def _needs(estimate: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What was reckoned beside what was used; empty without an estimate."""
    reckoned, used = estimate["reckoned"], estimate["used"]
    if reckoned is None:
        return []
    rows = [("seconds of work", f"{reckoned['seconds']:.1f}", f"{used['seconds']:.1f}")]
    for key, label in (
        ("host_bytes", "memory of the worker, MiB"),
        ("device_bytes", "memory of the device, MiB"),
        ("store_bytes", "windows in the store, MiB"),
    ):
        rows.append((label, _mib(reckoned[key]), _mib(used[key])))
    return rows


def _mib(size_bytes: int | None) -> str:
    return "unknown" if size_bytes is None else f"{size_bytes / _MIB:.1f}"


def _settings(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    start, end = report["range"]
    matte, cuts, upscaler = report["matte"], report["cuts"], report["upscaler"]
    scale = report["working_size"]
    found = "given" if cuts["given"] else "found"
    rows = [
        ("frames", f"{start} to {end - 1} ({end - start})"),
        ("deliverable", f"{report['deliverable']}, {report['codec']}"),
        ("profile", report["profile"]),
        ("matte", f"grown {matte['grow_px']} px, feathered {matte['feather_px']} px"),
        ("matte's hash", matte["hash"]),
        ("windows", str(len(report["windows"]))),
        ("cuts", f"{', '.join(map(str, cuts['frames'])) or 'none'} ({found})"),
        ("working size", f"1/{scale['scale']}: {scale['reason']}"),
        ("clean plates", ", ".join(report["donors"]) or "none"),
        ("enlarged by", f"{upscaler['model']}: {upscaler['reason']}"),
    ]
    if report["sparse_stride"] > 1:
        rows.append(("network fills", f"every {report['sparse_stride']}th frame"))
    return rows


def _source(source: Mapping[str, Any]) -> list[tuple[str, str]]:
    colour = source["colour"]
    num, den = source["rate"]
    tags = (colour[f"{name}_name"] for name in ("primaries", "transfer", "matrix", "range"))
    return [
        ("file", source["path"]),
        ("picture", f"{source['width']}x{source['height']}, {source['pixel_format']}"),
        ("codec", source["codec"]),
        ("rate", f"{num}/{den}" if den != 1 else str(num)),
        ("start timecode", source["start_timecode"] or "none"),
        ("colour", ", ".join(tags)),
        ("fingerprint", source["fingerprint"]),
    ]
