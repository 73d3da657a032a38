"""The short form of the campaign; `python tests/faults/campaign.py` is the long one."""

import importlib.util
import itertools
import sys
from pathlib import Path

import pytest
from support.faults.editor import SHOTS
from support.faults.full_disk import why_not

# A busy machine may take ten times as long.
pytestmark = pytest.mark.timeout(400)


def load_campaign():
    path = Path(__file__).with_name("campaign.py")
    spec = importlib.util.spec_from_file_location("campaign", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["campaign"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def faults(tmp_path_factory):
    campaign = load_campaign()
    shots = [shot for shot in SHOTS if shot.name in ("clicks", "enlarged")]
    return campaign.Faults(tmp_path_factory.mktemp("faults"), seed=7, shots=shots)


def test_kills_of_worker_and_daemon_lose_nothing_and_change_nothing(faults):
    figures = faults.kills(4, 1, say=lambda text: None)
    assert figures["kills"] == {"worker": 4, "daemon": 1}
    assert figures["interruptions"] > 0
    assert figures["kills_by_phase"]["rendering"] > 0
    assert figures["watched"]["windows"] > 0
    assert figures["details"] == []


def test_damaged_windows_are_computed_again(faults):
    """The first ones; the long form damages files of every kind."""
    points = list(itertools.islice(faults.damage(), 5))
    assert all(point.startswith("artifact") for point in points)


@pytest.mark.skipif(why_not() != "", reason=why_not())
def test_a_full_disk_is_named_and_loses_nothing(faults):
    """At the journal; the long form fills the disk at every place."""
    points = list(itertools.islice(faults.full_disk(), 6))
    assert len(points) == 6
