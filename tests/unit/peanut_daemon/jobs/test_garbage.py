from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from peanut_daemon.deliverable import ChosenModel, Codec, Deliverable, RenderSettings
from peanut_daemon.jobs.garbage import StoredArtifact, budget_on_disk, jobs_to_keep, surplus
from peanut_daemon.jobs.model import Job, JobState

stores = st.lists(
    st.builds(
        StoredArtifact,
        st.text("abcdef", min_size=1, max_size=3),
        st.integers(0, 100),
        st.floats(0, 50, allow_nan=False),
    ),
    unique_by=lambda artifact: artifact.key,
    max_size=12,
)


def size(artifacts):
    return sum(artifact.size_bytes for artifact in artifacts)


@given(stores, st.data(), st.integers(0, 600))
def test_needed_windows_stay_and_the_rest_fits_the_budget_if_it_can(stored, data, budget):
    keys = [artifact.key for artifact in stored]
    needed = data.draw(st.sets(st.sampled_from(keys))) if keys else set()
    gone = surplus(stored, needed=needed, budget_bytes=budget)
    left = [artifact for artifact in stored if artifact not in gone]
    assert not needed & {artifact.key for artifact in gone}
    assert size(left) <= budget or {artifact.key for artifact in left} <= needed


@given(stores, st.integers(0, 600))
def test_the_longest_unused_go_first_and_no_more_than_must(stored, budget):
    gone = surplus(stored, needed=set(), budget_bytes=budget)
    left = [artifact for artifact in stored if artifact not in gone]
    for artifact in gone:
        assert all(artifact.used_at <= other.used_at for other in left)
    if gone:
        assert size(stored) - size(gone[:-1]) > budget


def test_the_store_gives_way_to_a_full_disk():
    assert budget_on_disk(1000, store_bytes=300, free_bytes=9000, keep_free=100) == 1000
    assert budget_on_disk(1000, store_bytes=300, free_bytes=60, keep_free=100) == 260
    assert budget_on_disk(1000, store_bytes=30, free_bytes=0, keep_free=100) == 0


def job(job_id, state, *, edit="e", matte="m", ended=100.0):
    settings = RenderSettings(
        profile="embedded",
        eraser=ChosenModel("embedded/propagation"),
        upscaler=ChosenModel("embedded/lanczos"),
        deliverable=Deliverable.FULL,
        codec=Codec.FFV1,
        output_path=Path("/films/out.mkv"),
        overwrite=False,
        matte_hash=matte,
        grow_px=0,
        feather_px=0,
        window_frames=4,
        context_frames=2,
    )
    finished_at = ended if state.ended else None
    return Job(
        id=job_id,
        edit_id=edit,
        state=state,
        settings=settings,
        created_at=1.0,
        finished_at=finished_at,
    )


def kept(jobs, approved, kept_since=50.0):
    return [each.id for each in jobs_to_keep(jobs, approved, kept_since=kept_since)]


def test_whatever_waits_or_runs_keeps_its_windows():
    jobs = [job("a", JobState.QUEUED), job("b", JobState.RUNNING, matte="old")]
    assert kept(jobs, {}) == ["a", "b"]


def test_of_an_edit_the_newest_render_of_what_is_approved_is_kept():
    jobs = [
        job("other matte", JobState.SUCCEEDED, matte="taken back"),
        job("newest", JobState.SUCCEEDED),
        job("older", JobState.FAILED),
        job("another edit", JobState.CANCELLED, edit="f"),
        job("not approved", JobState.SUCCEEDED, edit="g"),
    ]
    assert kept(jobs, {"e": "m", "f": "m"}) == ["newest", "another edit"]


def test_results_are_not_wanted_for_ever():
    jobs = [job("newest", JobState.SUCCEEDED, ended=40.0), job("older", JobState.SUCCEEDED)]
    assert kept(jobs, {"e": "m"}) == []
