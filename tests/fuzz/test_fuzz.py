"""A short form of the campaign; `campaign.py` runs as many inputs as one likes."""

import pytest
from fuzz.campaign import fuzz_media, fuzz_timelines, fuzz_wire
from support.daemon import RunningDaemon
from support.scenes import make_square_clip

SEED = 20


def test_calls_with_random_messages(tmp_path):
    clip = make_square_clip(tmp_path / "wire.mov", frames=4)
    with RunningDaemon(tmp_path / "data", calls_per_s=1e6, call_burst=10**6) as daemon:
        tally = fuzz_wire(daemon, clip, 200, SEED)
    assert not tally.failures
    # It is no test if nothing gets past the first check.
    assert tally.outcomes["OK"] > 10
    assert tally.outcomes["INVALID_ARGUMENT"] > 10


def test_timelines_that_were_tampered_with(tmp_path):
    tally = fuzz_timelines(tmp_path, 150, SEED)
    assert not tally.failures
    assert tally.outcomes["read"] > 20


def test_clips_that_were_tampered_with(tmp_path):
    tally = fuzz_media(tmp_path, 25, SEED)
    assert not tally.failures
    assert not tally.contained
    assert tally.outcomes["read"] > 0


@pytest.mark.parametrize("depth", [300, 2_000, 200_000])
@pytest.mark.parametrize(
    ("head", "tail"), [("[", "]"), ('{"OTIO_SCHEMA":"Stack.1","children":[', "]}")]
)
def test_documents_that_are_nested_without_end(tmp_path, depth, head, tail):
    from peanut_daemon.edits.timeline_read import read_document
    from peanut_daemon.errors import InvalidRequestError

    try:
        read_document(head * depth + tail * depth)
    except InvalidRequestError:
        return
    assert depth < 1000
