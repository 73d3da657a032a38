from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest
from support.timelines import clip, gap, three_tracks, time_range, timeline

from peanut_daemon.edits.fcp7_xml import fcp7_xml, file_url
from peanut_daemon.edits.timeline_inspect import inspect
from peanut_daemon.edits.timeline_write import write_timeline
from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.media.rate import Rate

NTSC24, NTSC30 = Fraction(24000, 1001), Fraction(30000, 1001)


def made(rate: Fraction = NTSC24, start: int = 86400) -> Any:
    return timeline(
        rate,
        start,
        ("Video 1", "Video", [clip("/m/a b.mov", rate=rate, start=start, first=7, length=20)]),
        (
            "PEANUT",
            "Video",
            [
                gap(5, rate),
                clip("/m/new.mov", rate=rate, start=start + 7, frames=9, length=9, name="new"),
                gap(2, rate),
                clip("/m/new.mov", rate=rate, start=start + 7, frames=9, length=3, name="again"),
            ],
        ),
    )


def items(document: bytes) -> list[dict[str, str]]:
    root = ElementTree.fromstring(document)
    names = ("name", "start", "end", "in", "out", "duration")
    return [{n: i.findtext(n, "") for n in names} for i in root.iter("clipitem")]


@pytest.mark.parametrize("rate", [NTSC24, NTSC30, Fraction(25), Fraction(60000, 1001)])
def test_frames_are_exact(rate: Fraction) -> None:
    start = round(rate) * 3600
    document = fcp7_xml(made(rate, start))
    one, new, again = items(document)
    assert one == {
        **{"name": "a b.mov", "start": "0", "end": "20"},
        **{"in": "7", "out": "27", "duration": "100"},
    }
    assert (new["start"], new["end"], new["in"], new["out"]) == ("5", "14", "0", "9")
    assert (again["start"], again["in"], again["out"]) == ("16", "0", "3")
    sequence = ElementTree.fromstring(document).find("sequence")
    assert sequence is not None
    assert sequence.findtext("rate/timebase") == str(round(rate))
    assert sequence.findtext("rate/ntsc") == ("TRUE" if rate.denominator == 1001 else "FALSE")
    assert sequence.findtext("timecode/frame") == str(start)
    assert sequence.find("media/video/format/samplecharacteristics") is not None


def test_a_file_is_described_once() -> None:
    root = ElementTree.fromstring(fcp7_xml(made()))
    files = [f for f in root.iter("file") if f.get("id") == "file-2"]
    assert [f.find("pathurl") is not None for f in files] == [True, False]


def test_sound_comes_along_at_the_nearest_frames() -> None:
    both = made()
    sound = otio.schema.Track("Audio 1", kind="Audio")
    one = clip("/m/a b.mov", rate=NTSC24, start=86400, first=7, length=20, name="sound")
    one.source_range = time_range(86407.25, 20, NTSC24)
    sound.append(one)
    both.tracks.append(sound)
    root = ElementTree.fromstring(fcp7_xml(both))
    (item,) = root.findall("sequence/media/audio/track/clipitem")
    assert [item.findtext(n) for n in ("start", "end", "in", "out")] == ["0", "20", "7", "27"]
    assert item.findtext("sourcetrack/mediatype") == "audio"
    assert len(root.findall("sequence/media/video/track/clipitem")) == 3


def test_drop_frame_is_shown_as_such() -> None:
    root = ElementTree.fromstring(fcp7_xml(made(NTSC30, 107892), drop_frame=True))
    assert root.findtext("sequence/timecode/string") == "01:00:00;00"
    assert root.findtext("sequence/timecode/displayformat") == "DF"


@pytest.mark.filterwarnings("ignore")
def test_another_reader_finds_the_same_frames(tmp_path: Path) -> None:
    if "fcp_xml" not in otio.adapters.available_adapter_names():
        pytest.skip('no reader for FCP7 XML here: pip install "peanut[otio-adapters]"')
    write_timeline(tmp_path / "t.xml", made())
    found = inspect(tmp_path / "t.xml")["timelines"][0]
    assert Rate(*found["rate"]) == Rate(24000, 1001)
    assert found["start_frame"] == 86400
    clips = [i for t in found["tracks"] for i in t["items"] if i["kind"] == "clip"]
    assert [(i["place"], i["frames"]) for i in clips] == [
        ([0, 20], [7, 27]),
        ([5, 14], [0, 9]),
        ([16, 19], [0, 3]),
    ]
    assert clips[0]["media"] == "/m/a b.mov"


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("/m/a b.mov", "file://localhost/m/a%20b.mov"),
        ("C:\\clips\\a.mov", "file://localhost/C:/clips/a.mov"),
        ("file:///m/%C3%A4.mov", "file://localhost/m/%C3%A4.mov"),
    ],
)
def test_file_urls(address: str, url: str) -> None:
    assert file_url(address, "a") == url


def test_what_it_cannot_hold_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match=r"0/1 .*transition.*\.otio"):
        fcp7_xml(three_tracks(NTSC24, "/m/a.mov"))
    fast = made()
    fast.tracks[1][1].effects.append(otio.schema.LinearTimeWarp(time_scalar=2.0))
    with pytest.raises(InvalidRequestError, match=r"1/1.*speed change"):
        fcp7_xml(fast)
    between = timeline(
        Fraction(25), 0, ("V", "Video", [gap(3, Fraction(24)), clip("/m/a", rate=Fraction(24))])
    )
    with pytest.raises(InvalidRequestError, match=r"whole frames only"):
        fcp7_xml(between)
    with pytest.raises(InvalidRequestError, match=r"\.otio or \.xml"):
        write_timeline(tmp_path / "t.edl", made())
