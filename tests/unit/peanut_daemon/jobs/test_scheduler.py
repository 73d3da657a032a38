import pytest

from peanut_daemon.errors import QueueFullError
from peanut_daemon.jobs.scheduler import LONGEST_BACKOFF_S, Lane, Scheduler, Turn


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def scheduler(clock):
    return Scheduler(max_queued=2, max_attempts=3, clock=clock)


def test_nobody_waits_nobody_gets_a_turn(scheduler):
    assert scheduler.next_turn() is None


def test_interactive_work_goes_before_a_render_that_is_under_way(scheduler):
    scheduler.add_render("job")
    assert scheduler.next_turn() == Turn(Lane.RENDER, "job")
    scheduler.add_interactive("click")
    assert scheduler.next_turn() == Turn(Lane.INTERACTIVE, "click")
    assert scheduler.next_turn() == Turn(Lane.RENDER, "job")


def test_a_render_keeps_its_turn_until_it_is_removed(scheduler):
    scheduler.add_render("first")
    scheduler.add_render("second")
    assert scheduler.next_turn().id == "first"
    scheduler.piece_done("first")
    assert scheduler.next_turn().id == "first"
    scheduler.remove("first")
    assert scheduler.next_turn().id == "second"


def test_a_full_queue_refuses_and_says_the_limit(scheduler):
    scheduler.add_render("a")
    scheduler.add_render("b")
    with pytest.raises(QueueFullError, match="2 jobs wait or run already, the limit is 2"):
        scheduler.add_render("c")


def test_recovered_renders_are_never_refused(scheduler):
    for name in "abc":
        scheduler.add_render(name, recovered=True)
    assert scheduler.next_turn().id == "a"


def test_removing_a_queued_interactive_task_frees_its_turn(scheduler):
    scheduler.add_interactive("gone")
    scheduler.remove("gone")
    assert scheduler.next_turn() is None


def test_after_a_death_the_worker_rests_a_moment_longer_each_time(scheduler, clock):
    scheduler.add_render("job")
    waits = []
    for _ in range(12):
        scheduler.worker_died("job")
        waits.append(round(scheduler.wait_s(), 6))
        assert scheduler.next_turn() is None
        clock.now += scheduler.wait_s()
        assert scheduler.next_turn() is not None
    assert waits == sorted(waits)
    assert waits[0] < waits[3] < waits[-1] == pytest.approx(LONGEST_BACKOFF_S)


def test_a_piece_is_tried_a_bounded_number_of_times(scheduler):
    assert [scheduler.worker_died("job") for _ in range(3)] == [True, True, False]


def test_a_piece_that_ends_well_starts_the_count_anew(scheduler, clock):
    scheduler.worker_died("job")
    scheduler.worker_died("job")
    scheduler.piece_done("job")
    clock.now += 100
    assert scheduler.worker_died("job")
