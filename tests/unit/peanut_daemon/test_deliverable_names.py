from pathlib import Path

import pytest

from peanut_daemon.deliverable import Outputs, is_taken, next_version, with_plain_pattern


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("shot.mov", "shot_v001.mov", "shot_v002.mov"),
        ("shot.%04d.exr", "shot_v001.%04d.exr", "shot_v002.%04d.exr"),
        ("a.b_%d.png", "a.b_v001_%d.png", "a.b_v002_%d.png"),
    ],
)
def test_versions_count_up(tmp_path: Path, name: str, first: str, second: str) -> None:
    path = tmp_path / name
    assert next_version(path, ()) == tmp_path / first
    (tmp_path / first.replace("%04d", "1001").replace("%d", "7")).touch()
    assert next_version(path, ()) == tmp_path / second


def test_versions_that_were_deleted_or_are_planned_are_not_used_again(tmp_path: Path) -> None:
    (tmp_path / "shot_v007.otio").touch()
    (tmp_path / "shot_v03x.mov").touch()
    (tmp_path / "shotgun_v050.mov").touch()
    assert next_version(tmp_path / "shot.mov", ()).name == "shot_v008.mov"
    planned = {tmp_path / "shot_v008.mov", tmp_path.parent / "shot_v020.mov"}
    assert next_version(tmp_path / "shot.mov", planned).name == "shot_v009.mov"


def test_files_beside_a_sequence_are_named_without_its_number(tmp_path: Path) -> None:
    outputs = Outputs.beside(tmp_path / "shot.%04d.exr")
    assert (outputs.otio.name, outputs.matte.name) == ("shot.otio", "shot.matte.mkv")
    assert Outputs.beside(tmp_path / "%04d.png").report.name == "frames.report.json"
    assert Outputs.beside(tmp_path / "a.b.mov").otio.name == "a.b.otio"


def test_a_sequence_is_taken_by_any_of_its_files(tmp_path: Path) -> None:
    pattern = with_plain_pattern(tmp_path / "shot.####.exr")
    assert pattern.name == "shot.%04d.exr"
    assert not is_taken(pattern)
    assert not is_taken(tmp_path / "none" / "shot.%04d.exr")
    (tmp_path / "shot.0099.exr").touch()
    assert is_taken(pattern)
