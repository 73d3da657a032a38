from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from support.clips import FFV1, MPEG4, PRORES, make_clip, number_in, packets_of

from peanut_daemon.errors import MediaUnreadableError
from peanut_daemon.media.decode import ClipReader
from peanut_daemon.media.frame import SourceFrame, working_size
from peanut_daemon.media.probe import probe
from peanut_models.errors import FrameRangeError
from peanut_models.ranges import FrameRange

COUNT = 30
VFR_PTS = [0, 33, 100, 120, 200, 240, 241, 300, 390, 400] + [400 + 37 * k for k in range(1, 21)]

CLIPS: dict[str, tuple[str, dict[str, Any]]] = {
    "h264 with B-frames, mp4": ("a.mp4", {}),
    "h264 with B-frames, mkv": ("a.mkv", {}),
    "h264 with B-frames, ts": ("a.ts", {}),
    "h264 open GOP": (
        "a.mp4",
        {"options": {"bf": "3", "g": "8", "x264-params": "open-gop=1:b-adapt=0:scenecut=0"}},
    ),
    "h264, one key frame": ("a.mp4", {"options": {"bf": "2", "g": "300"}}),
    "h264, starts late": ("a.mkv", {"pts": range(50, 80)}),
    "mpeg4, avi": ("a.avi", MPEG4),
    "mpeg4, mp4": ("a.mp4", MPEG4),
    "ffv1": ("a.mkv", FFV1),
    "ffv1, long GOP": ("a.mkv", {"codec": "ffv1", "options": {"g": "12"}}),
    "prores": ("a.mov", PRORES),
    "prores 24000/1001": ("a.mov", {**PRORES, "rate": Fraction(24000, 1001)}),
    "variable rate, mkv": ("a.mkv", {"pts": VFR_PTS, "time_base": Fraction(1, 1000)}),
    "variable rate, mp4": ("a.mp4", {"pts": VFR_PTS, "time_base": Fraction(1, 1000)}),
}


def number_of(frame: SourceFrame) -> int:
    return number_in(frame.components()[0])


@pytest.fixture(scope="module", params=CLIPS)
def numbered_clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name, settings = CLIPS[request.param]
    return make_clip(tmp_path_factory.mktemp("clip") / name, frames=COUNT, **settings)


def test_sequential_read_gives_every_frame_once(numbered_clip: Path) -> None:
    with ClipReader(numbered_clip) as reader:
        assert reader.frame_range == FrameRange(0, COUNT)
        assert [number_of(frame) for frame in reader.frames(FrameRange(0, COUNT))] == [
            *range(COUNT)
        ]


def test_random_reads_are_frame_exact(numbered_clip: Path) -> None:
    order = np.random.default_rng(1).permutation(COUNT).tolist()
    order += [29, 0, 28, 1, 10, 9, 11, 10, 20, 19, 0]
    with ClipReader(numbered_clip) as reader:
        for frame_index in order:
            frame = reader.read(frame_index)
            assert (number_of(frame), frame.frame_index) == (frame_index, frame_index)


def test_each_frame_is_right_in_a_fresh_reader_after_one_seek(numbered_clip: Path) -> None:
    for frame_index in (29, 17, 8):
        with ClipReader(numbered_clip) as reader:
            assert number_of(reader.read(frame_index)) == frame_index


def test_frame_count_is_counted_from_packets(numbered_clip: Path) -> None:
    assert probe(numbered_clip).frame_count == COUNT


def test_frames_keep_their_own_times(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "v.mkv", pts=VFR_PTS, time_base=Fraction(1, 1000))
    with ClipReader(clip) as reader:
        times = [frame.time for frame in reader.frames(reader.frame_range)]
    assert times == [Fraction(pts, 1000) for pts in VFR_PTS]


def test_sample_table_and_packets_agree_for_intra_codecs(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "p.mov", frames=12, **PRORES)
    with ClipReader(clip) as reader:
        listed = [reader.index.time_of(k) for k in range(12)]
    assert listed == [time for time, _ in packets_of(clip, "video")]


def test_edit_list_hides_frames_before_its_start(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "w.mp4", options={"bf": "0", "g": "10"})
    # -ss with copied packets gives the same: samples before time 0 that are only references.
    cut = tmp_path / "cut.mp4"
    with av.open(str(whole)) as source, av.open(str(cut), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.pts is None:
                continue
            packet.pts -= 4 * 512
            packet.dts -= 4 * 512
            packet.stream = copy
            target.mux(packet)
    with ClipReader(cut) as reader:
        assert [number_of(frame) for frame in reader.frames(reader.frame_range)] == [*range(4, 30)]
        assert number_of(reader.read(0)) == 4


def test_file_that_begins_inside_an_open_gop_starts_at_its_key_frame(tmp_path: Path) -> None:
    name, settings = CLIPS["h264 open GOP"]
    whole = make_clip(tmp_path / name, **settings)
    cut = tmp_path / "cut.mkv"
    with av.open(str(whole)) as source, av.open(str(cut), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        keys = 0
        for packet in source.demux(stream):
            keys += packet.is_keyframe
            if keys < 2 or packet.pts is None:
                continue
            if keys == 2 and packet.is_keyframe:
                key_pts = packet.pts
            packet.stream = copy
            target.mux(packet)
    first = round(key_pts * Fraction(1, 12800) * 25)
    assert min(number_of_leading(cut)) < 0, "the cut has frames before its key frame"
    with ClipReader(cut) as reader:
        numbers = [number_of(frame) for frame in reader.frames(reader.frame_range)]
        assert numbers == [*range(first, COUNT)]
        assert number_of(reader.read(0)) == first


def number_of_leading(clip: Path) -> list[Fraction]:
    times = [time for time, _ in packets_of(clip, "video")]
    return [time - times[0] for time in times]


@pytest.mark.parametrize("frame_index", [-1, 30, 1000])
def test_frame_outside_the_clip_is_refused(tmp_path: Path, frame_index: int) -> None:
    clip = make_clip(tmp_path / "a.mp4")
    with ClipReader(clip) as reader, pytest.raises(FrameRangeError, match=r"\[0, 30\)"):
        reader.read(frame_index)


def test_range_beyond_the_clip_is_refused_before_decoding(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")
    with ClipReader(clip) as reader, pytest.raises(FrameRangeError):
        reader.frames(FrameRange(20, 31))


@pytest.mark.parametrize(
    ("name", "settings", "readable"),
    [("a.mov", PRORES, [*range(9), *range(10, 20)]), ("a.mp4", {}, [*range(10)])],
)
def test_damaged_frame_is_named_and_others_are_read(
    tmp_path: Path, name: str, settings: dict[str, Any], readable: list[int]
) -> None:
    clip = make_clip(tmp_path / name, frames=20, **settings)
    damaged = damage_packet_of(clip, 9 if name == "a.mov" else 10)
    with ClipReader(damaged) as reader:
        for frame_index in readable:
            assert number_of(reader.read(frame_index)) == frame_index
        lost = ({*range(20)} - {*readable}).pop()
        with pytest.raises(MediaUnreadableError, match=rf"frame {lost} of .* cannot be decoded"):
            reader.read(lost)
        # and going on after the error is possible
        assert number_of(reader.read(readable[-1])) == readable[-1]


def damage_packet_of(clip: Path, frame_index: int) -> Path:
    data = bytearray(clip.read_bytes())
    with av.open(str(clip)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        packet = sorted(packets, key=lambda p: p.pts or 0)[frame_index]
        assert packet.pos is not None
        start, size = packet.pos, packet.size
    data[start : start + size] = b"\xff" * size
    clip.write_bytes(bytes(data))
    return clip


def test_working_picture_is_small_and_eight_bit(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mov", frames=2, **PRORES)
    with ClipReader(clip) as reader:
        frame = reader.read(1)
        proxy = frame.working_rgb(32)
        assert proxy.shape == (24, 32, 3)
        assert proxy.dtype == np.uint8
        assert frame.working_rgb(1000).shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("size", "long_side", "expected"),
    [((1920, 1080), 960, (960, 540)), ((1080, 1920), 960, (540, 960)), ((100, 50), 960, (100, 50))],
)
def test_working_size_keeps_the_shape(
    size: tuple[int, int], long_side: int, expected: tuple[int, int]
) -> None:
    assert working_size(*size, long_side) == expected
