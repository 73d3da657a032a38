"""The whole road: a click on a clip, a mask, approval, a deliverable in the timeline."""

import json
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import opentimelineio as otio
import pytest
from support.clips import packets_of
from support.daemon import painted, point, succeeded, track
from support.scenes import ground, make_square_clip, square_centre, square_mask

from peanut.v1 import renders_pb2
from peanut_client import frame_range
from peanut_daemon.media import ClipReader, Timecode, mask_from_png, probe

SUFFIXES = {
    renders_pb2.CODEC_FFV1: ".mkv",
    renders_pb2.CODEC_PRORES_HQ: ".mov",
    renders_pb2.CODEC_PRORES_4444: ".mov",
    renders_pb2.CODEC_H264: ".mp4",
}


def approved_edit(client, clip, frames=None):
    """An edit whose matte came from one click in the middle of the square."""
    edit = client.create_edit(str(clip), frames)
    first = edit.range.start_frame
    track(client, edit.id, point(*square_centre(first), first))
    client.approve_masks(edit.id, grow_px=2, feather_px=1)
    return edit


def render(client, edit, folder, deliverable=renders_pb2.DELIVERABLE_FULL, codec=1, **more):
    target = folder / f"result{SUFFIXES[codec]}"
    job = client.start_render(edit.id, str(target), deliverable=deliverable, codec=codec, **more)
    outputs = succeeded(client, job.id).outputs
    return SimpleNamespace(**{f.name: Path(v) for f, v in outputs.ListFields()})


def timecode_in(container):
    """The start timecode, wherever the container keeps it."""
    tags = [container.metadata, *(stream.metadata for stream in container.streams)]
    labels = {v for tag in tags for k, v in tag.items() if k.lower() == "timecode"}
    assert len(labels) == 1
    return labels.pop()


def test_a_click_makes_a_mask_on_every_frame(client, clip):
    edit = client.create_edit(str(clip))
    masks = track(client, edit.id, point(*square_centre()))
    assert masks[0].frame_index == 0
    assert sorted(m.frame_index for m in masks) == list(range(24))
    for mask in masks:
        found, true = mask_from_png(mask.png), square_mask(mask.frame_index)
        assert (found & true).sum() / (found | true).sum() > 0.7
    assert [m.frame_index for m in client.fetch_masks(edit.id)] == list(range(24))


def test_the_square_is_gone_and_nothing_else_changed(client, clip, tmp_path):
    edit = approved_edit(client, clip)
    outputs = render(client, edit, tmp_path)
    truth = ground(24)
    with ClipReader(clip) as source, ClipReader(outputs.deliverable) as result:
        with ClipReader(outputs.matte) as matte:
            for k in range(24):
                alpha = matte.read(k).to_rgb()[..., 0]
                before, after = source.read(k), result.read(k)
                assert after.pixel_format == before.pixel_format
                touched = alpha > 0
                coarse = touched.reshape(24, 2, 32, 2).any(axis=(1, 3))
                for plane, (ours, theirs) in enumerate(
                    zip(after.components(), before.components(), strict=True)
                ):
                    outside = ~(touched if plane == 0 else coarse)
                    assert np.abs(ours.astype(int) - theirs)[outside].max() == 0
                error = after.to_rgb().astype(float) - truth[k]
                inside = square_mask(k)
                assert inside[touched].sum() == inside.sum()
                assert np.sqrt(np.mean(error[inside] ** 2)) < 25
                red = np.abs(before.to_rgb()[inside].astype(float) - truth[k][inside]).mean()
                assert np.abs(error[inside]).mean() < 0.35 * red


def test_ready_masks_are_used_pixel_for_pixel(client, clip, tmp_path):
    edit = client.create_edit(str(clip))
    masks = []
    for k in range(24):
        _, png = cv2.imencode(".png", square_mask(k).astype(np.uint8) * 255)
        masks.append(painted(png.tobytes(), k))
    track(client, edit.id, *masks)
    for stored in client.fetch_masks(edit.id):
        assert (mask_from_png(stored.png) == square_mask(stored.frame_index)).all()
        assert stored.confidence == 1.0


def test_sound_is_the_sources_own_packets(client, clip, tmp_path):
    edit = approved_edit(client, clip)
    outputs = render(client, edit, tmp_path)
    # AAC's priming packet lies before time 0.
    source = [data for at, data in packets_of(clip, "audio") if at >= 0]
    assert [data for _, data in packets_of(outputs.deliverable, "audio")] == source


def test_a_patch_is_transparent_where_the_matte_is_not(client, clip, tmp_path):
    edit = approved_edit(client, clip, frame_range(2, 10))
    outputs = render(
        client, edit, tmp_path, renders_pb2.DELIVERABLE_PATCH, renders_pb2.CODEC_PRORES_4444
    )
    with av.open(outputs.deliverable) as container, ClipReader(outputs.matte) as matte:
        assert not container.streams.audio
        for k, frame in enumerate(container.decode(video=0)):
            rgba = frame.to_ndarray(format="rgba64le")
            alpha = matte.read(k).to_rgb()[..., 0]
            assert (rgba[..., 3][alpha == 0] == 0).all()
            assert (rgba[..., 3][alpha == 255] > 65000).all()


def test_upscaled_frames_are_four_times_the_size_and_look_like_the_repaired_ones(
    client, clip, tmp_path
):
    edit = approved_edit(client, clip, frame_range(0, 14))
    full = render(client, edit, tmp_path)
    (tmp_path / "large").mkdir()
    large = render(client, edit, tmp_path / "large", renders_pb2.DELIVERABLE_UPSCALED)
    info = probe(large.deliverable)
    assert (info.width, info.height, info.frame_count) == (256, 192, 14)
    with ClipReader(full.deliverable) as small, ClipReader(large.deliverable) as big:
        for k in (0, 13):
            shrunk = cv2.resize(big.read(k).to_rgb(), (64, 48), interpolation=cv2.INTER_AREA)
            assert np.abs(shrunk.astype(float) - small.read(k).to_rgb()).mean() < 4


def test_fetched_frames_are_the_deliverables(client, clip, tmp_path):
    edit = approved_edit(client, clip, frame_range(0, 14))
    target = tmp_path / "result.mkv"
    job = client.start_render(edit.id, str(target))
    succeeded(client, job.id)
    pictures = list(client.fetch_frames(job.id, frame_range(11, 14)))
    assert [p.frame_index for p in pictures] == [11, 12, 13]
    with ClipReader(target) as result:
        for picture in pictures:
            image = cv2.imdecode(np.frombuffer(picture.png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
            difference = image.astype(float) - result.read(picture.frame_index).to_rgb()
            assert np.abs(difference).mean() < 2  # the deliverable went through 4:2:0 once more


@pytest.mark.parametrize(
    ("rate", "timecode"),
    [
        (Fraction(24), "01:00:00:00"),
        (Fraction(25), "10:11:12:13"),
        (Fraction(24000, 1001), "01:00:59:20"),
        (Fraction(30000, 1001), "00:59:59;28"),
    ],
)
@pytest.mark.parametrize(
    ("deliverable", "codec"),
    [
        (renders_pb2.DELIVERABLE_FULL, renders_pb2.CODEC_FFV1),
        (renders_pb2.DELIVERABLE_FULL, renders_pb2.CODEC_PRORES_HQ),
        (renders_pb2.DELIVERABLE_PATCH, renders_pb2.CODEC_PRORES_4444),
        (renders_pb2.DELIVERABLE_UPSCALED, renders_pb2.CODEC_H264),
    ],
)
def test_count_rate_and_timecode_are_the_source_ranges(
    client, tmp_path, rate, timecode, deliverable, codec
):
    clip = make_square_clip(tmp_path / "clip.mov", frames=10, rate=rate, timecode=timecode)
    edit = client.create_edit(str(clip), frame_range(3, 9))
    _, png = cv2.imencode(".png", square_mask(5).astype(np.uint8) * 255)
    track(client, edit.id, *[painted(png.tobytes(), k) for k in range(3, 9)])
    client.approve_masks(edit.id, grow_px=1, feather_px=0)
    outputs = render(client, edit, tmp_path, deliverable, codec)
    source = probe(clip)
    wanted = source.start_timecode + 3
    for path in (outputs.deliverable, outputs.matte):
        with av.open(path) as container:
            stream = container.streams.video[0]
            assert stream.average_rate == rate
            assert timecode_in(container) == wanted.label
            assert sum(1 for _ in container.decode(video=0)) == 6
    timeline = otio.adapters.read_from_file(str(outputs.otio))
    original, replacement = (next(iter(track.find_clips())) for track in timeline.video_tracks())
    assert original.media_reference.target_url.endswith("clip.mov")
    assert replacement.media_references().keys() >= {"DEFAULT_MEDIA", "matte"}
    assert original.source_range == replacement.source_range
    assert replacement.source_range.duration.value == 6
    assert Fraction(replacement.source_range.start_time.rate).limit_denominator(1001) == rate
    start = round(replacement.source_range.start_time.value)
    assert Timecode(start, source.rate, wanted.drop_frame).label == wanted.label
    places = [
        item.transformed_time_range(item.trimmed_range(), timeline.tracks)
        for item in (original, replacement)
    ]
    assert places[0] == places[1]


def test_an_otio_request_is_rendered_into_the_same_timeline(client, clip, tmp_path):
    first = approved_edit(client, clip, frame_range(5, 15))
    outputs = render(client, first, tmp_path)
    request = otio.adapters.read_from_file(str(outputs.otio))
    request.name = "the editor's cut"
    edit = client.create_edit_from_otio(request.to_json_string())
    assert (edit.range.start_frame, edit.range.end_frame) == (5, 15)
    track(client, edit.id, point(*square_centre(5), 5))
    client.approve_masks(edit.id, grow_px=2, feather_px=1)
    (tmp_path / "again").mkdir()
    result = otio.adapters.read_from_file(str(render(client, edit, tmp_path / "again").otio))
    assert result.name == "the editor's cut"
    assert len(result.video_tracks()) == 2


def test_the_report_says_where_pixels_came_from_and_under_which_licence(client, clip, tmp_path):
    edit = approved_edit(client, clip, frame_range(0, 12))
    outputs = render(client, edit, tmp_path)
    report = json.loads(outputs.report.read_text(encoding="utf-8"))
    shares = report["pixels"]["mean"]
    assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
    assert shares["propagated"] > shares["generated"]
    assert len(report["pixels"]["per_frame"]) == 12
    assert {m["licence"] for m in report["models"]} == {"Apache-2.0"}
    assert sys.platform == "win32" or 20 < report["worker_peak_memory_mib"] < 4096
    sheet = cv2.imread(str(outputs.contact_sheet))
    assert sheet.std() > 10


def test_a_second_render_reuses_the_windows_of_the_first(client, daemon, clip, tmp_path):
    edit = approved_edit(client, clip)
    render(client, edit, tmp_path)
    windows = {p: p.stat().st_mtime_ns for p in (daemon.data_dir / "store").rglob("*.npz")}
    (tmp_path / "again").mkdir()
    render(client, edit, tmp_path / "again", codec=renders_pb2.CODEC_H264)
    after = {p: p.stat().st_mtime_ns for p in (daemon.data_dir / "store").rglob("*.npz")}
    assert after == windows


def test_a_new_prompt_withdraws_the_approval(client, clip):
    edit = approved_edit(client, clip, frame_range(0, 3))
    assert client.get_edit(edit.id).HasField("approval")
    track(client, edit.id, point(*square_centre()), point(2, 2, negative=True))
    assert not client.get_edit(edit.id).HasField("approval")


def test_deleting_an_edit_leaves_its_deliverables(client, clip, tmp_path):
    edit = approved_edit(client, clip, frame_range(0, 4))
    outputs = render(client, edit, tmp_path)
    client.delete_edit(edit.id)
    assert edit.id not in [e.id for e in client.list_edits()]
    assert probe(outputs.deliverable).frame_count == 4
