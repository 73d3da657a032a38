from __future__ import annotations

from pathlib import Path

import pytest
from support.fake_daemon import PNG

from peanut_client import frame_range
from peanut_client.cli.failures import CliError, UsageError
from peanut_client.cli.options import CodecName, Deliver
from peanut_client.cli.outputs import check_output, choose_codec
from peanut_client.cli.prompts import parse_prompts, parse_range

RANGE = frame_range(5, 8)
LIMIT = 64 * 2**20


def test_prompts_without_a_frame_lie_on_the_first_of_the_range() -> None:
    prompts = parse_prompts(points=["3,4", "5.5,6@7"], not_points=["1,2"], boxes=["0,1,20,30@6"])
    (target,) = prompts.targets(RANGE, LIMIT)
    assert [prompt.frame_index for prompt in target.prompts] == [5, 7, 5, 6]
    assert [prompt.WhichOneof("kind") for prompt in target.prompts] == [
        "point",
        "point",
        "point",
        "box",
    ]
    assert [prompt.point.negative for prompt in target.prompts[:3]] == [False, False, True]
    assert target.prompts[1].point.x_px == 5.5
    assert target.prompts[3].box.y1_px == 30


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"points": ["abc"]}, ["--point", "'abc'", "429,321"]),
        ({"points": ["1"]}, ["--point", "'1'", "X,Y"]),
        ({"points": ["1,2,3"]}, ["--point", "'1,2,3'"]),
        ({"points": ["nan,2"]}, ["--point", "'nan,2'"]),
        ({"points": ["1,2@x"]}, ["'1,2@x'", "no frame number after the @"]),
        ({"points": ["1,2@"]}, ["'1,2@'", "no frame number"]),
        ({"not_points": ["1;2"], "points": ["1,2"]}, ["--not-point", "'1;2'"]),
        ({"boxes": ["1,2,3"]}, ["--box", "'1,2,3'", "X0,Y0,X1,Y1"]),
        ({"boxes": ["10,2,3,40"]}, ["--box", "'10,2,3,40'", "empty", "X1 must exceed X0"]),
        ({}, ["nothing says what to remove", "--point"]),
        ({"not_points": ["1,2"]}, ["--not-point alone", "add --point"]),
    ],
)
def test_prompt_that_cannot_be_read_says_which_and_how(
    options: dict[str, list[str]], words: list[str]
) -> None:
    with pytest.raises(UsageError) as caught:
        parse_prompts(**options)  # type: ignore[arg-type]
    for word in words:
        assert word in caught.value.message


def test_range_is_half_open() -> None:
    assert parse_range("10:24") == frame_range(10, 24)
    assert parse_range(None) is None


@pytest.mark.parametrize("text", ["", "5", "a:b", "1:", ":4", "1:2:3", "1.5:3"])
def test_range_that_cannot_be_read_says_how(text: str) -> None:
    with pytest.raises(UsageError, match="0:48"):
        parse_range(text)


def test_reversed_range_is_left_to_the_daemon() -> None:
    assert parse_range("9:3") == frame_range(9, 3)


def test_mask_file_may_hold_an_at_sign(tmp_path: Path) -> None:
    odd = tmp_path / "mask@2x.png"
    odd.write_bytes(PNG)
    prompts = parse_prompts(mask_files=[str(odd), f"{odd}@6"])
    (target,) = prompts.targets(RANGE, LIMIT)
    assert [prompt.frame_index for prompt in target.prompts] == [5, 6]
    assert all(prompt.mask.png == PNG for prompt in target.prompts)


def test_missing_mask_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CliError, match=r"nothing\.png cannot be read"):
        parse_prompts(mask_files=[f"{tmp_path / 'nothing.png'}@3"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "masks"
    folder.mkdir()
    for index in range(10):
        (folder / f"shot.{index:05d}.png").write_bytes(PNG + bytes([index]))
    (folder / "notes.txt").touch()
    return folder


def test_folder_gives_each_frame_its_own_mask(folder: Path) -> None:
    (target,) = parse_prompts(masks=folder).targets(RANGE, LIMIT)
    assert [prompt.frame_index for prompt in target.prompts] == [5, 6, 7]
    assert [prompt.mask.png[-1] for prompt in target.prompts] == [5, 6, 7]


def test_frame_without_a_mask_is_named(folder: Path) -> None:
    (folder / "shot.00006.png").unlink()
    with pytest.raises(CliError) as caught:
        parse_prompts(masks=folder).targets(RANGE, LIMIT)
    assert "frame 6 has no mask" in caught.value.message
    assert "1 of the range's 3 frames" in caught.value.message
    assert "00006.png" in caught.value.message


def test_two_masks_for_one_frame_are_refused(folder: Path) -> None:
    (folder / "6.png").write_bytes(PNG)
    with pytest.raises(CliError, match="frame 6 has two masks"):
        parse_prompts(masks=folder)


def test_folder_without_numbered_pngs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CliError, match=r"00012\.png"):
        parse_prompts(masks=tmp_path)


def test_missing_masks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CliError, match="does not exist"):
        parse_prompts(masks=tmp_path / "nothing")


def test_one_png_serves_every_frame(folder: Path) -> None:
    (target,) = parse_prompts(masks=folder / "shot.00003.png").targets(RANGE, LIMIT)
    assert [prompt.frame_index for prompt in target.prompts] == [5, 6, 7]
    assert len({prompt.mask.png for prompt in target.prompts}) == 1


def test_ready_masks_go_alone(folder: Path) -> None:
    with pytest.raises(UsageError, match="leave out"):
        parse_prompts(masks=folder, points=["1,2"])


def test_masks_beyond_one_message_are_refused(folder: Path) -> None:
    (folder / "shot.00003.png").write_bytes(bytes(2**20))
    with pytest.raises(CliError, match="--range") as caught:
        parse_prompts(masks=folder / "shot.00003.png").targets(RANGE, 3 * 2**20)
    assert "3 MiB" in caught.value.message


@pytest.mark.parametrize(
    ("name", "deliver", "codec", "chosen"),
    [
        ("a.mkv", Deliver.FULL, None, CodecName.FFV1),
        ("a.mov", Deliver.FULL, None, CodecName.PRORES_HQ),
        ("a.mov", Deliver.PATCH, None, CodecName.PRORES_4444),
        ("a.MKV", Deliver.PATCH, None, CodecName.FFV1),
        ("a.mp4", Deliver.UPSCALED, None, CodecName.H264),
        ("a.mov", Deliver.FULL, CodecName.PRORES_4444, CodecName.PRORES_4444),
    ],
)
def test_codec_follows_the_extension(
    name: str, deliver: Deliver, codec: CodecName | None, chosen: CodecName
) -> None:
    assert choose_codec(Path(name), deliver, codec) is chosen


@pytest.mark.parametrize(
    ("name", "deliver", "codec", "words"),
    [
        ("a.mp4", Deliver.PATCH, None, "transparency"),
        ("a.mov", Deliver.PATCH, CodecName.PRORES_HQ, "prores-4444"),
        ("a.mov", Deliver.FULL, CodecName.FFV1, "a.mkv"),
        ("a", Deliver.FULL, None, "a.mkv"),
        ("a.avi", Deliver.FULL, None, "a.mkv"),
    ],
)
def test_codec_that_does_not_fit_is_refused(
    name: str, deliver: Deliver, codec: CodecName | None, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        choose_codec(Path(name), deliver, codec)


def test_output_is_checked_before_the_work(tmp_path: Path) -> None:
    out = tmp_path / "a.mkv"
    assert check_output(out, overwrite=False) == out
    out.touch()
    assert check_output(out, overwrite=True) == out
    with pytest.raises(CliError, match="exists already"):
        check_output(out, overwrite=False)
    with pytest.raises(CliError, match="is a folder"):
        check_output(tmp_path, overwrite=True)
    with pytest.raises(CliError, match="make it first"):
        check_output(tmp_path / "none" / "a.mkv", overwrite=False)
