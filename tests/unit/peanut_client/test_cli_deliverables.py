from pathlib import Path

import pytest

from peanut_client.cli.clips import parse_rate
from peanut_client.cli.failures import UsageError
from peanut_client.cli.options import CODECS, CodecName, Deliver
from peanut_client.cli.outputs import EXTENSIONS, choose_codec
from peanut_client.cli.prompts import parse_cuts
from peanut_daemon.convert import to_codec
from peanut_daemon.media.codecs import CODECS as WRITTEN


@pytest.mark.parametrize("name", CodecName)
def test_client_and_daemon_know_the_same_codecs(name: CodecName) -> None:
    codec = WRITTEN[to_codec(CODECS[name]).value]
    assert codec.suffixes == EXTENSIONS[name]
    out = Path(f"a.####{codec.suffix}" if codec.is_sequence else f"a{codec.suffix}")
    assert choose_codec(out, Deliver.FULL, name) is name
    if codec.alpha_pixel_formats is None:
        with pytest.raises(UsageError, match="transparency"):
            choose_codec(out, Deliver.PATCH, name)
    else:
        assert choose_codec(out, Deliver.PATCH, name) is name


@pytest.mark.parametrize(
    ("out", "deliver", "expected"),
    [
        ("a.mkv", Deliver.FULL, CodecName.FFV1),
        ("a.mov", Deliver.FULL, CodecName.PRORES_HQ),
        ("a.mov", Deliver.PATCH, CodecName.PRORES_4444),
        ("a.mxf", Deliver.FULL, CodecName.DNXHR_HQX),
        ("a.%04d.exr", Deliver.PATCH, CodecName.EXR),
        ("a_####.TIFF", Deliver.FULL, CodecName.TIFF),
    ],
)
def test_the_name_says_which_codec(out: str, deliver: Deliver, expected: CodecName) -> None:
    assert choose_codec(Path(out), deliver, None) is expected


def test_files_need_a_place_for_their_number() -> None:
    with pytest.raises(UsageError, match=r"shot\.####\.png"):
        choose_codec(Path("shot.png"), Deliver.FULL, None)


@pytest.mark.parametrize(
    ("text", "num", "den"),
    [
        ("24", 24, 1),
        ("24000/1001", 24000, 1001),
        ("23.976", 24000, 1001),
        ("23.98", 24000, 1001),
        ("29.97", 30000, 1001),
        ("47.952", 48000, 1001),
        ("59.94", 60000, 1001),
        ("119.88", 120000, 1001),
        ("12.5", 25, 2),
    ],
)
def test_rates_as_people_write_them(text: str, num: int, den: int) -> None:
    rate = parse_rate(text)
    assert rate is not None
    assert (rate.num, rate.den) == (num, den)


@pytest.mark.parametrize("text", ["", "0", "-24", "24/0", "fast"])
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(UsageError, match=r"23\.976"):
        parse_rate(text)


def test_cuts_are_frames_or_none_or_to_be_found() -> None:
    assert parse_cuts("340, 120,120") == [120, 340]
    assert parse_cuts("none") == []
    assert parse_cuts(None) is None
    with pytest.raises(UsageError, match="120,340"):
        parse_cuts("120-340")
