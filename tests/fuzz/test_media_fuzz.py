"""A short form of the campaign; `media_campaign.py` runs as many inputs as one likes."""

from __future__ import annotations

from pathlib import Path

from fuzz.damage import FRAMES, Damager, seeds
from fuzz.media_campaign import RESULT, fuzz

from peanut_daemon.media import Rate, probe

SEED = 31
INPUTS = 18


def test_damaged_media_end_in_an_error_or_a_result(tmp_path: Path) -> None:
    tally = fuzz(tmp_path, INPUTS, SEED)
    assert not tally.failures
    assert tally.inputs == INPUTS
    outcomes = [name for _, name in tally.outcomes.elements()]
    # It is no test if nothing gets through, or if nothing is damaged.
    assert 0 < outcomes.count(RESULT) < INPUTS


def test_the_same_seed_damages_the_same_way(tmp_path: Path) -> None:
    clip = seeds(tmp_path)["mov"]
    again = [[damager.damaged(clip) for _ in range(20)] for damager in (Damager(5), Damager(5))]
    assert again[0] == again[1]
    assert all(files != clip for way, files in again[0] if way in ("flipped", "truncated"))


def test_a_header_in_another_alphabet_is_no_obstacle(tmp_path: Path) -> None:
    # Found by the campaign: the library refuses all texts of a header for one of them.
    (tmp_path / "seeds").mkdir()
    for name, data in seeds(tmp_path / "seeds")["dpx"].items():
        creator = 160
        (tmp_path / name).write_bytes(data[:creator] + b"Ren\xe9\0" + data[creator + 5 :])
    assert probe(tmp_path / "a.%04d.dpx", rate=Rate(24)).frame_count == FRAMES - 1
