"""The built plugin against a real daemon: from the clip to the result, by all three ways."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.scenes import ground, square_mask

from peanut.v1 import hosts_pb2, hosts_pb2_grpc, renders_pb2
from peanut_daemon.media import ClipReader

ASKED = {"overlay", "matte", "plate", "result"}


def rgb(pictures):
    return pictures[..., :3].astype(np.int64)


def result_of(daemon, state):
    """The daemon's own frames of the job: the deliverable, decoded."""
    with daemon.client() as client:
        path = client.get_job(state["job"]).outputs.deliverable
    with ClipReader(Path(path)) as reader:
        return np.stack([frame.to_rgb() for frame in reader.frames(reader.frame_range)])


def state_of(report):
    return json.loads(report["saved"]["state"][0])


@pytest.fixture
def walk(child, daemon, frames, tmp_path):
    """The whole road with other settings."""

    def run(**settings):
        out = tmp_path / "pictures.npz"
        environment = settings.pop("environment", None)
        report = child(
            "road", data_dir=daemon.data_dir, environment=environment,
            **{"frames": str(frames), "out": str(out)} | settings,
        )  # fmt: skip
        return report, dict(np.load(out))

    return run


def assert_removed(report, pictures, frames):
    assert report["violations"] == []
    assert all(status == 0 for view in report["shown"].values() for status in view[0])
    assert {view: shown[1] for view, shown in report["shown"].items()} == dict.fromkeys(
        report["shown"]
    )
    truth = ground(len(frames)).astype(np.int64)
    inside = np.stack([square_mask(k) for k in range(len(frames))])
    before = np.abs(rgb(frames) - truth)[inside].mean()
    after = np.abs(rgb(pictures) - truth)[inside].mean()
    assert before > 60
    assert after < 20


def test_analyse_approve_process(project):
    report, pictures = project
    words = report["words"]
    assert words["tracked"].startswith("the masks are there")
    assert words["approved"].startswith("the masks are approved")
    assert words["processed"].startswith("done: ")
    assert report["messages"] == []
    assert report["progress"] == ["start", "end"] * 3
    assert_removed(report, pictures["result"], pictures["given"])


def test_result_view_equals_the_daemons_own_frames(project, daemon):
    report, pictures = project
    assert np.array_equal(pictures["result"][..., :3], result_of(daemon, state_of(report)))


def test_alpha_stays_the_hosts_own(project):
    _, pictures = project
    for view in ("source", "overlay", "plate", "result"):
        assert np.array_equal(pictures[view][..., 3], pictures["given"][..., 3])


def test_source_view_is_the_source(project):
    _, pictures = project
    assert np.array_equal(pictures["source"], pictures["given"])


def test_matte_view_is_the_matte_in_colour_and_alpha(project):
    _, pictures = project
    matte = pictures["matte"]
    assert (matte == matte[..., :1]).all()
    for k in range(len(matte)):
        inside = square_mask(k)
        assert matte[k][inside].mean() > 200
        assert matte[k][:12].max() == 0  # Far above the square.


def test_overlay_tints_the_masks_and_nothing_else(project):
    _, pictures = project
    changed = (pictures["overlay"] != pictures["given"]).any(axis=3)
    for k in range(len(changed)):
        assert changed[k][square_mask(k)].mean() > 0.9
        assert not changed[k][:12].any()


def test_outside_the_matte_every_view_keeps_the_sources_pixels(project):
    _, pictures = project
    outside = pictures["matte"][..., 0] == 0
    for view in ("plate", "result"):
        assert np.array_equal(pictures[view][outside], pictures["given"][outside])


def test_plate_view_equals_the_frames_that_other_clients_fetch(project, daemon):
    import cv2

    report, pictures = project
    with daemon.client() as client:
        fetched = list(client.fetch_frames(state_of(report)["job"]))
    own = np.stack(
        [cv2.imdecode(np.frombuffer(f.png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1] for f in fetched]
    )
    inside = pictures["matte"][..., 0] > 0
    assert np.array_equal(pictures["plate"][..., :3][inside], own[inside])


def test_another_process_restores_the_project(child, daemon, project, frames, tmp_path):
    report, pictures = project
    out = tmp_path / "restored.npz"
    values = {name: value for name, value in report["saved"].items() if value}
    again = child(
        "restored", data_dir=daemon.data_dir, frames=str(frames), values=values, out=str(out)
    )
    assert again["statuses"] == [0] * len(pictures["result"])
    assert again["message"] is None
    assert again["violations"] == []
    assert np.array_equal(np.load(out)["result"], pictures["result"])
    assert again["small"] == [0, [24, 32, 4]]


def test_collecting_needs_nothing_but_render(walk, daemon):
    """Frames out of order and some twice, at times that do not start at 0; a patch; 16 bit."""
    report, pictures = walk(collect=True, first=1001, deliverable=0, depth="Short")
    assert "not approved" in report["words"]["tracked"]
    assert_removed(report, pictures["result"] // 257, pictures["given"] // 257)
    assert state_of(report)["first"] == 1001
    outside = pictures["matte"][..., 0] == 0
    assert np.array_equal(pictures["result"][outside], pictures["given"][outside])


def test_by_file_the_daemon_reads_the_clip_itself(walk, movie):
    report, pictures = walk(file=str(movie))
    assert_removed(report, pictures["result"], pictures["given"])
    assert not list(
        (Path(report["words"]["processed"].removeprefix("done: ")).parent).glob("clip*")
    )


def test_hosts_with_floating_point(walk):
    layout = {"padding": 12, "top_down": True}
    report, pictures = walk(depth="Half", components="RGB", layout=layout)
    scaled = np.rint(pictures["result"].astype(np.float64) * 255)
    assert_removed(report, scaled, np.rint(pictures["given"].astype(np.float64) * 255))
    outside = pictures["matte"][..., 0] == 0
    assert np.array_equal(pictures["result"][outside], pictures["given"][outside])


def test_premultiplied_pictures_go_out_straight_and_come_back_premultiplied(walk, daemon):
    report, pictures = walk(depth="Short", alpha=0.5)
    scaled = np.minimum(pictures["result"][..., :3].astype(np.int64) * 2, 65535) // 257
    assert_removed(report, scaled, pictures["given"][..., :3].astype(np.int64) * 2 // 257)
    outside = pictures["matte"][..., 0] == 0
    assert np.array_equal(pictures["result"][outside], pictures["given"][outside])
    own = result_of(daemon, state_of(report)).astype(np.int64)
    inside = pictures["matte"][..., 0] == 65535
    assert np.abs(pictures["result"][..., :3][inside] * 2.0 - own[inside]).max() <= 2
    assert np.array_equal(pictures["result"][..., 3], pictures["given"][..., 3])


def test_prompts_arrive_as_pixels_of_the_clip(child, daemon, frames):
    """Whatever the pixel aspect, and wherever the host's frame lies."""
    report = child("mapped", data_dir=daemon.data_dir, frames=str(frames))
    assert report["violations"] == []
    with daemon.client() as client:
        (target,) = client.get_edit(report["edit"]).targets
    point, stay, box = target.prompts
    assert (point.point.x_px, point.point.y_px, point.frame_index) == (10, 24, 0)
    assert (stay.point.x_px, stay.point.y_px, stay.frame_index) == (60, 2, 3)
    assert not point.point.negative
    assert stay.point.negative
    edges = (box.box.x0_px, box.box.y0_px, box.box.x1_px, box.box.y1_px)
    assert edges == (3, 18, 17, 31)
    x, y = report["tinted"]
    assert abs(x - 10) <= 2
    assert abs(y - 24) <= 2


def test_no_secret_goes_into_the_project(project, daemon):
    connection = json.loads((daemon.data_dir / "daemon.json").read_text())
    saved = json.dumps(project[0]["saved"])
    assert connection["token"] not in saved
    assert connection["address"] not in saved


def test_masks_of_the_mask_input_replace_clicks_and_chunks_replace_files(walk, masks, daemon):
    environment = {"PEANUT_OFX_TRANSPORT": "chunks"}
    report, pictures = walk(mask=str(masks), environment=environment)
    assert_removed(report, pictures["result"], pictures["given"])
    assert np.array_equal(pictures["result"][..., :3], result_of(daemon, state_of(report)))
    for k, matte in enumerate(pictures["matte"][..., 0]):
        assert (matte[square_mask(k)] == 255).all()


def test_alpha_only_clips_are_passed_through_with_a_word(child, daemon, frames, tmp_path):
    out = tmp_path / "out.npz"
    report = child(
        "road", data_dir=daemon.data_dir, frames=str(frames), out=str(out), components="Alpha"
    )
    pictures = dict(np.load(out))
    assert "only alpha" in report["words"]["tracked"]
    assert np.array_equal(pictures["result"], pictures["given"])
    assert report["violations"] == []


def test_nothing_is_left_in_the_transfer_folder(project, daemon):
    with daemon.client() as client:
        stub = hosts_pb2_grpc.HostServiceStub(client._connection.channel)
        request = hosts_pb2.OpenHostSessionRequest(session_id="transfer-test")
        metadata = client.connection_info.metadata
        session = stub.OpenHostSession(request, metadata=metadata).session
    folder = Path(session.transfer_dir)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert list(folder.iterdir()) == []


def test_cancelled_while_analysing(child, daemon, frames):
    report = child(
        "stopped", data_dir=daemon.data_dir, frames=str(frames), button="analyse", after=4
    )
    assert report["status"] == "stopped"
    assert report["messages"] == []
    assert report["passed"]
    assert report["violations"] == []
    assert report["progress"] == ["start", "end"]


def test_cancelled_while_processing_and_processed_again(child, daemon, frames):
    report = child(
        "stopped", data_dir=daemon.data_dir, frames=str(frames), button="process", after=0
    )
    assert report["status"] == "stopped"
    assert report["again"]["status"].startswith("done: ")
    assert report["violations"] == []


def test_a_frame_that_the_host_gave_up_is_not_asked_for(child, daemon, project, frames):
    values = {name: value for name, value in project[0]["saved"].items() if value}
    report = child("aborted", data_dir=daemon.data_dir, frames=str(frames), values=values)
    assert report == {"status": 0, "passed": True, "bad": []}


def test_corrections_send_no_frame_again_and_targets_can_be_taken_back(child, daemon, frames):
    report = child("corrected", data_dir=daemon.data_dir, frames=str(frames))
    first, second, third, again = report["seen"]
    assert report["messages"] == report["violations"] == []
    assert all(words.startswith("the masks are there") for *_, words in report["seen"])
    assert [fetched for fetched, *_ in report["seen"]] == [12, 0, 0, 12]
    assert (first[1], first[2], second[2], third[2]) == (second[1], 1, 3, 1)
    assert third[1] != second[1]  # An edit without the second target.
    assert again[1] != third[1]
    with daemon.client() as client:
        edit = client.get_edit(second[1])
        assert [(t.id, t.name) for t in edit.targets] == [("1", "square"), ("2", "sky")]
        assert [t.id for t in client.get_edit(third[1]).targets] == ["1"]


def test_two_instances_of_one_project(child, daemon, project, frames):
    values = {name: value for name, value in project[0]["saved"].items() if value}
    report = child("two_hosts", data_dir=daemon.data_dir, frames=str(frames), values=values)
    assert report == {"same": True, "violations": []}


def test_the_deliverables_are_numbered_as_the_parameter_counts():
    assert (renders_pb2.DELIVERABLE_PATCH, renders_pb2.DELIVERABLE_UPSCALED) == (1, 3)
