"""HostService of a real daemon, as a plugin that sees no files uses it."""

import subprocess
import sys
import time
from pathlib import Path

import grpc
import numpy as np
import pytest
from support.daemon import point, succeeded, track
from support.scenes import ground, square_centre, square_mask

from peanut.v1 import frames_pb2, hosts_pb2, hosts_pb2_grpc, renders_pb2
from peanut_client.shared_memory import SharedRegion
from peanut_daemon.media import ClipReader

FRAMES, FIRST = 8, 86400


class HostClient:
    """The stub with the token."""

    def __init__(self, client):
        self._stub = hosts_pb2_grpc.HostServiceStub(client._connection.channel)
        self._metadata = client.connection_info.metadata

    def __getattr__(self, name):
        method = getattr(self._stub, name)
        return lambda request: method(request, metadata=self._metadata, timeout=60)


@pytest.fixture
def hosts(client):
    return HostClient(client)


def shot():
    frames = ground(FRAMES)
    for k in range(FRAMES):
        frames[k][square_mask(k)] = (220, 30, 30)
    return frames


def opening(session_id, frames, **changes):
    facts = {
        "session_id": session_id,
        "width": frames.shape[2],
        "height": frames.shape[1],
        "sample": hosts_pb2.HOST_SAMPLE_U8,
        "rate": frames_pb2.Rate(num=25, den=1),
        "first_time": FIRST,
        "frame_count": len(frames),
    }
    return hosts_pb2.OpenHostSessionRequest(**facts | changes)


def chunks(session_id, frames, size=1000):
    for k, frame in enumerate(frames):
        content = frame.tobytes()
        for at in range(0, len(content), size):
            yield hosts_pb2.PutHostFramesRequest(
                session_id=session_id, time=FIRST + k, chunk=content[at : at + size]
            )


def picture(hosts, **request):
    request = {"sample": hosts_pb2.HOST_SAMPLE_U8} | request
    first, *rest = hosts.GetHostPicture(hosts_pb2.GetHostPictureRequest(**request))
    content = b"".join(part.chunk for part in rest)
    if first.file:
        content = Path(first.file).read_bytes()
        Path(first.file).unlink()
    dtype = np.uint8 if request["sample"] == hosts_pb2.HOST_SAMPLE_U8 else np.uint16
    return np.frombuffer(content, dtype).reshape(first.height, first.width, first.components)


@pytest.fixture
def edit(hosts, client):
    """An edit of the clip that was handed over frame by frame, its masks tracked and approved."""
    frames = shot()
    session_id = f"session-{np.random.default_rng().integers(2**60):x}"
    opened = hosts.OpenHostSession(opening(session_id, frames)).session
    assert (opened.frames_stored, opened.frames_total, opened.clip_path) == (0, FRAMES, "")
    stored = hosts.PutHostFrames(chunks(session_id, frames)).session
    assert stored.frames_stored == FRAMES
    request = hosts_pb2.FinishHostSessionRequest(session_id=session_id)
    *steps, last = hosts.FinishHostSession(request)
    assert [step.frames_done for step in steps] == list(range(1, FRAMES + 1))
    edit = client.create_edit(last.session.clip_path)
    track(client, edit.id, point(*square_centre(0)))
    client.approve_masks(edit.id, grow_px=2, feather_px=1)
    return edit


def test_pictures_of_masks_and_matte(hosts, edit):
    facts = {"edit_id": edit.id, "frame_index": 3}
    mask = picture(hosts, view=hosts_pb2.HOST_VIEW_MASK, **facts)[..., 0]
    matte = picture(hosts, view=hosts_pb2.HOST_VIEW_MATTE, **facts)[..., 0]
    inside = square_mask(3)
    assert (mask[inside] > 0).mean() > 0.9
    assert (matte[mask > 0] == 255).all()
    assert (matte > 0).sum() > (mask > 0).sum()
    half = picture(hosts, view=hosts_pb2.HOST_VIEW_MATTE, width=32, height=24, **facts)
    assert half.shape == (24, 32, 1)
    by_file = picture(hosts, view=hosts_pb2.HOST_VIEW_MATTE, by_file=True, **facts)[..., 0]
    assert np.array_equal(by_file, matte)


@pytest.mark.parametrize("deliverable", ["PATCH", "FULL", "UPSCALED"])
def test_pictures_of_results(hosts, client, edit, deliverable, tmp_path):
    job = client.start_render(
        edit.id,
        str(tmp_path / "out.mkv"),
        deliverable=renders_pb2.Deliverable.Value(f"DELIVERABLE_{deliverable}"),
    )
    succeeded(client, job.id)
    facts = {"edit_id": edit.id, "job_id": job.id, "frame_index": 4}
    result = picture(hosts, view=hosts_pb2.HOST_VIEW_RESULT, **facts)
    plate = picture(hosts, view=hosts_pb2.HOST_VIEW_PLATE, **facts)
    matte = picture(hosts, view=hosts_pb2.HOST_VIEW_MATTE, edit_id=edit.id, frame_index=4)
    assert result.shape == plate.shape == (48, 64, 4)
    assert np.array_equal(result[..., 3], matte[..., 0])
    truth = ground(FRAMES)[4].astype(int)
    inside = square_mask(4)
    assert np.abs(result[..., :3].astype(int) - truth)[inside].mean() < 20
    assert np.abs(plate[..., :3].astype(int) - truth)[inside].mean() < 20
    (tmp_path / "out.matte.mkv").unlink()  # It saves time, and nothing more.
    again = picture(hosts, view=hosts_pb2.HOST_VIEW_RESULT, width=64, height=48, **facts)
    assert np.array_equal(again, result)
    deep = picture(
        hosts, view=hosts_pb2.HOST_VIEW_RESULT, **facts | {"sample": hosts_pb2.HOST_SAMPLE_U16}
    )
    assert np.array_equal(deep // 257, result)


def code_of(call):
    with pytest.raises(grpc.RpcError) as caught:
        for _ in call():
            pass
    return caught.value.code()


def test_refusals_of_pictures(hosts, client, clip):
    edit = client.create_edit(str(clip))

    def asked(**request):
        given = {"edit_id": edit.id, "view": 1, "sample": 1} | request
        return lambda: hosts.GetHostPicture(hosts_pb2.GetHostPictureRequest(**given))

    code = grpc.StatusCode
    assert code_of(asked(edit_id="none")) is code.NOT_FOUND
    assert code_of(asked(frame_index=999)) is code.OUT_OF_RANGE
    assert code_of(asked(view=0)) is code.INVALID_ARGUMENT
    assert code_of(asked(sample=0)) is code.INVALID_ARGUMENT
    assert code_of(asked(width=-1)) is code.INVALID_ARGUMENT
    for view in (1, 2, 3, 4):
        assert code_of(asked(view=view)) is code.FAILED_PRECONDITION
    assert code_of(asked(view=4, job_id="none")) is code.NOT_FOUND


def test_refusals_of_frames(hosts):
    frames = shot()
    opened = opening("session-refused", frames)
    hosts.OpenHostSession(opened)
    code = grpc.StatusCode

    def put(**request):
        given = {"session_id": "session-refused", "time": FIRST, **request}
        return lambda: [hosts.PutHostFrames(iter([hosts_pb2.PutHostFramesRequest(**given)]))]

    assert code_of(put(chunk=b"abc")) is code.INVALID_ARGUMENT
    assert code_of(put(file="nothing.rgb")) is code.NOT_FOUND
    assert code_of(put(session_id="session-unknown", chunk=b"a")) is code.NOT_FOUND
    assert code_of(put(time=1, chunk=frames[0].tobytes())) is code.OUT_OF_RANGE
    other = opening("session-refused", frames, first_time=1)
    assert code_of(lambda: [hosts.OpenHostSession(other)]) is code.INVALID_ARGUMENT
    request = hosts_pb2.FinishHostSessionRequest(session_id="session-refused")
    assert code_of(lambda: hosts.FinishHostSession(request)) is code.OUT_OF_RANGE


def test_frames_and_pictures_through_shared_memory(hosts, client):
    frames = shot()
    frame_bytes = frames[0].nbytes
    hosts.OpenHostSession(opening("session-shared", frames))
    with SharedRegion(client, 2 * frame_bytes) as region:

        def requests():
            for k, frame in enumerate(frames):
                at = k % 2 * frame_bytes
                region.memory[at : at + frame_bytes] = frame.tobytes()
                yield hosts_pb2.PutHostFramesRequest(
                    session_id="session-shared", time=FIRST + k, region=region.rows(at)
                )

        for request in requests():
            hosts.PutHostFrames(iter([request]))
        *_, last = hosts.FinishHostSession(
            hosts_pb2.FinishHostSessionRequest(session_id="session-shared")
        )
        with ClipReader(Path(last.session.clip_path)) as reader:
            read = [frame.to_rgb() for frame in reader.frames(reader.frame_range)]
        assert np.array_equal(np.stack(read), frames)

        edit = client.create_edit(last.session.clip_path)
        track(client, edit.id, point(*square_centre(0)))
        wanted = {
            "edit_id": edit.id,
            "frame_index": 3,
            "view": hosts_pb2.HOST_VIEW_MASK,
            "sample": hosts_pb2.HOST_SAMPLE_U8,
        }
        in_chunks = picture(hosts, **wanted)
        answers = list(
            hosts.GetHostPicture(hosts_pb2.GetHostPictureRequest(**wanted, into=region.rows(5)))
        )
        assert [answer.in_region for answer in answers] == [True]
        shared = region.memory[5 : 5 + in_chunks.nbytes]
        assert np.array_equal(np.frombuffer(shared, np.uint8).reshape(in_chunks.shape), in_chunks)


HOLDING = """
import sys
from pathlib import Path
from peanut_client import PeanutClient, load_settings
from peanut_client.shared_memory import SharedRegion
client = PeanutClient(start=False, settings=load_settings({"PEANUT_DATA_DIR": sys.argv[1]}))
region = SharedRegion(client, 4096)
print(region.rows().region_id, flush=True)
sys.stdin.read()
"""


def test_shared_memory_goes_with_the_client_that_held_it(daemon, hosts):
    command = [sys.executable, "-c", HOLDING, str(daemon.data_dir)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as holder:
        region_id = holder.stdout.readline().strip()
        opened = hosts_pb2.OpenHostSessionRequest(session_id="session-folders")
        path = Path(hosts.OpenHostSession(opened).session.transfer_dir) / region_id
        assert path.stat().st_size == 4096
        holder.kill()
    deadline = time.monotonic() + 20
    while path.exists():
        assert time.monotonic() < deadline, "it is still there"
        time.sleep(0.01)
