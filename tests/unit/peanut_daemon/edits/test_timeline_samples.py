"""Files that hosts really wrote: all are read; what cannot be used is said with its path."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest
from support.timelines import clip, gap, time_range, timeline

from peanut_daemon.edits.timeline_inspect import inspect
from peanut_daemon.edits.timeline_read import read_document
from peanut_daemon.errors import InvalidRequestError, MediaNotFoundError, UnsupportedMediaError
from peanut_daemon.media.rate import Rate

SAMPLES = Path(__file__).parents[5] / "shared" / "facts" / "otio_samples"

# File, rate to give, rate of its first timeline, clips that something can be removed from.
READABLE = [
    ("25fps.edl", Rate(25), Rate(25), 0),
    ("avid_2997fps-DFTC.aaf", None, Rate(30000, 1001), 1),
    ("avid_example.edl", None, Rate(24), 0),
    ("cdl.edl", None, Rate(24), 0),
    ("dissolve_test.edl", None, Rate(24), 0),
    ("fcpx_clips.fcpxml", None, Rate(30), 6),
    ("hiero_xml_export.xml", None, Rate(24), 1),
    ("otio_multitrack.otio", None, Rate(24), 0),
    ("otio_nested_example.otio", None, Rate(24), 0),
    ("otio_transition_test.otio", None, Rate(24), 0),
    ("premiere_enable_property.xml", None, Rate(25), 6),
    ("premiere_example.edl", None, Rate(24), 0),
    ("raven_timecode_rates.otio", None, Rate(24), 0),
    ("resolve_native_clip_img_seq_embedded_tc.otio", None, Rate(25), 1),
    ("resolve_native_clip_qt_embedded_tc.otio", None, Rate(25), 1),
    ("resolve_native_clip_qt_retimed_speed.otio", None, Rate(25), 1),
    ("resolve_native_shape_reconstructed.otio", None, Rate(24), 1),
    ("resolve_shaped_autoeditor_like.otio", None, Rate(25), 0),
    ("speed_effects_small.edl", None, Rate(24), 0),
]


def items(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        item
        for one in document["timelines"]
        for track in one["tracks"]
        for item in track["items"]
        if "why_not" in item
    ]


def adapter_or_skip(name: str) -> None:
    if name.endswith(".otio"):
        return
    try:
        read_document(SAMPLES / name, rate=Rate(25) if name == "25fps.edl" else None)
    except UnsupportedMediaError as error:
        pytest.skip(str(error))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "given", "rate", "usable"), READABLE, ids=lambda v: str(v))
def test_every_sample_is_read(name: str, given: Rate | None, rate: Rate, usable: int) -> None:
    if not SAMPLES.is_dir():
        pytest.skip("the samples are not beside this checkout")
    adapter_or_skip(name)
    document = inspect(SAMPLES / name, rate=given)
    assert Rate(*document["timelines"][0]["rate"]) == rate
    found = items(document)
    assert sum(not item["why_not"] for item in found) == usable
    for item in found:
        assert item["path"] in item["why_not"] or not item["why_not"]
        if not item["why_not"]:
            start, end = item["frames"]
            assert 0 <= start < end


def test_no_sample_is_forgotten() -> None:
    if not SAMPLES.is_dir():
        pytest.skip("the samples are not beside this checkout")
    there = {path.name for path in SAMPLES.iterdir() if path.suffix != ".md"}
    assert there == {name for name, *_ in READABLE}


def test_frames_of_resolves_own_exports() -> None:
    """24 fps media from 01:00:00:00, cut in a timeline of 25 fps."""
    if not SAMPLES.is_dir():
        pytest.skip("the samples are not beside this checkout")
    (item,) = items(inspect(SAMPLES / "resolve_native_clip_qt_embedded_tc.otio"))
    document = otio.adapters.read_from_file(
        str(SAMPLES / "resolve_native_clip_qt_embedded_tc.otio")
    )
    shown, available = document.source_range, document.media_reference.available_range
    start_s = shown.start_time.value / 25 - available.start_time.value / 24
    assert item["media_rate"] == [24, 1]
    assert item["frames"][0] == int(start_s * 24)
    (fast,) = items(inspect(SAMPLES / "resolve_native_clip_qt_retimed_speed.otio"))
    assert fast["speed"] == 2.5
    frames = fast["frames"][1] - fast["frames"][0]
    per_frame = 2.5 * fast["media_rate"][0] / fast["media_rate"][1] / 25
    assert frames == pytest.approx(per_frame * fast["place"][1], abs=1)


def test_an_edl_without_its_rate_says_what_to_do() -> None:
    if not SAMPLES.is_dir():
        pytest.skip("the samples are not beside this checkout")
    adapter_or_skip("cdl.edl")
    with pytest.raises(InvalidRequestError, match="--rate"):
        inspect(SAMPLES / "25fps.edl")


def test_kdenlives_files_are_read(tmp_path: Path) -> None:
    if "kdenlive" not in otio.adapters.available_adapter_names():
        pytest.skip('no reader for Kdenlive here: pip install "peanut[otio-adapters]"')
    rate = Rate(25).fraction
    made = timeline(rate, 0, ("V1", "Video", [gap(7, rate), clip("/m/a.mov", rate=rate, length=9)]))
    target = tmp_path / "cut.kdenlive"
    with contextlib.redirect_stdout(io.StringIO()):
        otio.adapters.write_to_file(made, str(target))
    found = [i for i in items(inspect(target)) if i["kind"] == "clip"]
    assert [i["place"] for i in found if not i["why_not"]] == [[7, 16]]


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "cut.xml").write_text("<html/>")
    with pytest.raises((InvalidRequestError, UnsupportedMediaError), match=r"\.otio"):
        inspect(tmp_path / "cut.xml")
    (tmp_path / "cut.otio").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidRequestError, match="not OpenTimelineIO"):
        inspect(tmp_path / "cut.otio")
    with pytest.raises(MediaNotFoundError, match="no timeline"):
        inspect(tmp_path / "none.aaf")


def test_a_missing_reader_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otio.adapters, "available_adapter_names", lambda: ["otio_json"])
    (tmp_path / "cut.aaf").write_bytes(b"")
    with pytest.raises(UnsupportedMediaError, match=r"peanut\[otio-adapters\]"):
        inspect(tmp_path / "cut.aaf")


def test_items_of_unknown_kinds_are_named_by_their_path(tmp_path: Path) -> None:
    rate = Rate(25).fraction
    made = timeline(rate, 0, ("V1", "Video", [clip("/m/a.mov", rate=rate)]))
    made.tracks[0].append(otio.schema.Stack("nest", source_range=time_range(0, 5, rate)))
    generated = otio.schema.Clip(
        "bars",
        media_reference=otio.schema.GeneratorReference("bars", "SMPTEBars"),
        source_range=time_range(0, 5, rate),
    )
    made.tracks[0].append(generated)
    otio.adapters.write_to_file(made, str(tmp_path / "t.otio"))
    found = items(inspect(tmp_path / "t.otio"))
    assert [i["kind"] for i in found] == ["clip", "compound", "generator"]
    assert found[1]["why_not"].startswith("0/1 ('V1', 'nest') is a compound clip")
    assert "0/2" in found[2]["why_not"]
