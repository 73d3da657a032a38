import hashlib
from dataclasses import replace

import numpy as np
import pytest

from peanut_daemon.deliverable import RenderStage
from peanut_daemon.errors import ArtifactDamagedError
from peanut_daemon.worker.store import ArtifactStore, PlateArtifact, matte_box
from peanut_models.ranges import FrameRange
from peanut_models.stages import GENERATED


@pytest.fixture
def store(tmp_path):
    return ArtifactStore(tmp_path)


def a_plate():
    generator = np.random.default_rng(1)
    alpha = np.zeros((2, 4, 5), np.uint8)
    alpha[0], alpha[1, 0, 0] = 255, 128
    return PlateArtifact(
        core=FrameRange(7, 9),
        box=(3, 7, 2, 7),
        frames=generator.integers(0, 255, (2, 4, 5, 3)).astype(np.uint8),
        alpha=alpha,
        provenance=np.full((2, 4, 5), GENERATED, np.int32),
    )


def test_the_motion_is_stored_where_there_is_any(store):
    flow = np.full((2, 3, 4), 1.5, np.float16)
    store.put_plate("abcd", replace(a_plate(), flows=((flow, -flow),)))
    there, back = store.get_plate("abcd").flow(7)
    assert np.array_equal(there, flow)
    assert np.array_equal(back, -flow)
    assert store.get_plate("abcd").flow(8) is None
    store.put_plate("ef", a_plate())
    assert store.get_plate("ef").flow(7) is None


def test_a_plate_comes_back_whole(store):
    plate = a_plate()
    _, sha256 = store.put_plate("abcd", plate)
    again = store.get_plate("abcd")
    assert (again.core, again.box) == (plate.core, plate.box)
    for name in ("frames", "alpha", "provenance"):
        np.testing.assert_array_equal(getattr(again, name), getattr(plate, name))
    assert store.matches(store.path("abcd", RenderStage.PLATE), sha256)


@pytest.mark.parametrize("kept", [0, 10, 200])
def test_a_damaged_plate_is_named_and_does_not_match(store, kept):
    _, sha256 = store.put_plate("abcd", a_plate())
    path = store.path("abcd", RenderStage.PLATE)
    path.write_bytes(path.read_bytes()[:kept])
    assert not store.matches(path, sha256)
    with pytest.raises(ArtifactDamagedError, match="abcd") as caught:
        store.get_plate("abcd")
    assert caught.value.key == "abcd"


def test_a_missing_plate_is_damaged_too(store):
    assert not store.matches(store.path("nope", RenderStage.PLATE), "0" * 64)
    with pytest.raises(ArtifactDamagedError):
        store.get_plate("nope")


def test_a_frame_is_repaired_inside_the_matte_only(store):
    plate = a_plate()
    source = np.full((10, 10, 3), 100, np.uint8)
    repaired = plate.repaired(source, 8)
    assert (np.delete(repaired.reshape(-1, 3), 3 * 10 + 2, axis=0) == 100).all()
    expected = 100 + (plate.frames[1, 0, 0].astype(float) - 100) * 128 / 255
    assert np.abs(repaired[3, 2] - expected).max() <= 0.5
    assert (plate.paste(source, 8)[3, 2] == plate.frames[1, 0, 0]).all()
    assert plate.whole_alpha(8, 10, 10)[3, 2] == 128


def test_the_box_is_tight_and_never_empty():
    alpha = np.zeros((2, 6, 8), np.uint8)
    assert matte_box(alpha) == (0, 1, 0, 1)
    alpha[0, 2, 3] = alpha[1, 4, 6] = 1
    assert matte_box(alpha) == (2, 5, 3, 7)


def test_whatever_byte_of_a_plate_is_damaged_it_is_named_or_harmless(store):
    plate = a_plate()
    store.put_plate("abcd", plate)
    path = store.path("abcd", RenderStage.PLATE)
    content = path.read_bytes()
    noticed = 0
    for at in range(0, len(content), 13):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x41]) + content[at + 1 :])
        try:
            again = store.get_plate("abcd")
        except ArtifactDamagedError:
            noticed += 1
        else:  # A byte that says when or by whom the parts were packed.
            assert np.array_equal(again.frames, plate.frames)
            assert np.array_equal(again.alpha, plate.alpha)
    assert noticed > len(content) / 13 / 2


def test_a_file_is_handed_out_only_if_it_is_what_was_committed(store):
    path = store.prepared("abcd", RenderStage.UPSCALE)
    path.write_bytes(b"pictures")
    sha256 = hashlib.sha256(b"pictures").hexdigest()
    assert store.checked("abcd", RenderStage.UPSCALE, sha256) == path
    path.write_bytes(b"picturez")
    with pytest.raises(ArtifactDamagedError, match="resume the job") as caught:
        store.checked("abcd", RenderStage.UPSCALE, sha256)
    assert caught.value.key == "abcd"


def test_everything_in_the_store_is_found_by_its_key(store):
    _, _ = store.put_plate("abcd", a_plate())
    store.prepared("abce", RenderStage.UPSCALE).with_name(".abce.mkv.part").write_bytes(b"half")
    found = {(file.key, file.partial) for file in store.files()}
    assert found == {("abcd", False), ("abce", True)}
    store.delete("abcd")
    assert not store.holds("abcd")
    assert len(store.files()) == 1
