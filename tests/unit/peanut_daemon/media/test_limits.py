"""What a file may ask of the machine, and what watches over a decoder."""

import threading

import av
import numpy as np
import pytest
from support.scenes import make_square_clip

from peanut_daemon.errors import MediaError, MediaLimitError, MediaUnreadableError
from peanut_daemon.media import ClipReader, limits, probe


@pytest.fixture
def clip(tmp_path):
    return make_square_clip(tmp_path / "a.mkv", frames=4)


def test_pictures_that_are_too_large_are_refused_by_their_head(clip, monkeypatch):
    monkeypatch.setattr(limits, "MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(MediaLimitError, match="64x48 pixels"):
        probe(clip)


def test_a_head_that_lies_about_the_size_is_not_believed(tmp_path):
    # 60000x60000 in 200 bytes of header: decoding it would ask for ten gigabytes.
    path = tmp_path / "bomb.png"
    picture = av.VideoFrame.from_ndarray(np.zeros((8, 8, 3), np.uint8), format="rgb24")
    context = av.CodecContext.create("png", "w")
    context.width = context.height = 8
    context.pix_fmt = "rgb24"
    content = bytearray(b"".join(bytes(p) for p in context.encode(picture)))
    at = content.index(b"IHDR") + 4
    content[at : at + 8] = (60_000).to_bytes(4, "big") * 2
    path.write_bytes(content)
    with pytest.raises(MediaError):
        probe(path)


def test_the_decoder_itself_refuses_a_picture_that_grows(clip):
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        limits.limit_pixels(stream, clip)
        assert stream.codec_context.options["max_pixels"] == str(limits.MAX_PIXELS)


def test_more_frames_than_a_day_has(clip, monkeypatch):
    monkeypatch.setattr(limits, "MAX_FRAMES", 3)
    with pytest.raises(MediaLimitError, match="more than 3 frames"):
        probe(clip)


def test_more_streams_than_anybody_uses(clip, monkeypatch):
    monkeypatch.setattr(limits, "MAX_STREAMS", 0)
    with pytest.raises(MediaLimitError, match="1 streams, 0 at most"):
        probe(clip)


@pytest.mark.parametrize(
    "content",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{clip}\n",
        "ffconcat version 1.0\nfile '{clip}'\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    ],
    ids=["hls", "concat", "dash", "sdp"],
)
@pytest.mark.parametrize("suffix", [".mov", ".m3u8", ".ffconcat", ".mpd", ".sdp"])
def test_lists_that_name_other_files_are_no_media(tmp_path, clip, content, suffix):
    path = tmp_path / f"list{suffix}"
    path.write_text(content.replace("{clip}", str(clip)))
    with pytest.raises(MediaUnreadableError):
        probe(path)


def test_a_clip_that_refers_to_another_file_does_not_show_it(tmp_path, clip):
    # QuickTime may keep its samples elsewhere; nothing but the file that was named is opened.
    path = tmp_path / "reference.mov"
    whole = make_square_clip(tmp_path / "b.mov", frames=4).read_bytes()
    at = whole.index(b"url ")
    name = str(clip).encode() + b"\0"
    box = (12 + len(name)).to_bytes(4, "big") + b"url \0\0\0\0" + name
    path.write_bytes(whole[: at - 4] + box + whole[at + 8 :])
    with pytest.raises(MediaError):
        with ClipReader(path) as reader:
            reader.read(0)


def test_reading_that_hangs_is_told_and_reading_in_time_is_not():
    told, hangs = [], threading.Event()

    def on_hang(what):
        told.append(what)
        hangs.set()

    watchdog = limits.Watchdog(0.05, on_hang)
    for k in range(20):
        with watchdog.watching(f"frame {k}"):
            pass
    with watchdog.watching("frame 20 of a.mov"):
        assert hangs.wait(20)
    assert told == ["frame 20 of a.mov"]
