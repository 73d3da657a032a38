"""Who gets a worker next, and what happens after one died."""

import pytest

from peanut_daemon.errors import QueueFullError
from peanut_daemon.jobs.scheduler import (
    CLICKS_LAST_S,
    LONGEST_BACKOFF_S,
    RENDER_PATIENCE_S,
    Lane,
    Scheduler,
    Turn,
)


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def scheduler(clock):
    return Scheduler(max_queued=2, max_tasks=8, max_attempts=3, clock=clock)


def next_piece(scheduler):
    """Have the next piece done, and say whose it was."""
    turn = scheduler.next_turn()
    if turn.lane is Lane.RENDER:
        scheduler.piece_ready(turn.id)
    else:
        scheduler.remove(turn.id)
    return turn.id


def test_nobody_waits_nobody_gets_a_turn(scheduler):
    assert scheduler.next_turn() is None


def test_interactive_work_goes_before_a_render_that_is_under_way(scheduler):
    scheduler.add_render("job")
    assert next_piece(scheduler) == "job"
    scheduler.add_interactive("click")
    assert scheduler.next_turn() == Turn(Lane.INTERACTIVE, "click")
    assert scheduler.next_turn() == Turn(Lane.RENDER, "job")


def test_a_render_keeps_its_turn_among_those_of_its_client(scheduler):
    scheduler.add_render("first", "ann")
    scheduler.add_render("second", "ann")
    assert [next_piece(scheduler) for _ in range(3)] == ["first"] * 3
    scheduler.remove("first")
    assert next_piece(scheduler) == "second"


def test_a_render_has_one_turn_until_it_has_another_piece(scheduler):
    scheduler.add_render("job")
    assert scheduler.next_turn() == Turn(Lane.RENDER, "job")
    assert scheduler.next_turn() is None
    scheduler.piece_ready("job")
    assert scheduler.next_turn() == Turn(Lane.RENDER, "job")


def test_a_second_worker_gets_the_next_job_of_a_client_whose_first_has_nothing_to_do(scheduler):
    scheduler.add_render("first", "ann")
    scheduler.add_render("second", "ann")
    assert [scheduler.next_turn().id, scheduler.next_turn().id] == ["first", "second"]


def test_a_full_queue_refuses_and_says_the_limit(scheduler):
    scheduler.add_render("a")
    scheduler.add_render("b")
    with pytest.raises(QueueFullError, match="2 jobs wait or run already, the limit is 2"):
        scheduler.add_render("c")
    for name in range(6):
        scheduler.add_interactive(f"click {name}", "ann")
    with pytest.raises(QueueFullError, match="6 of them yours"):
        scheduler.add_interactive("one more", "ann")
    scheduler.add_interactive("of somebody else", "bob")


def test_recovered_renders_are_never_refused(scheduler):
    for name in "abc":
        scheduler.add_render(name, recovered=True)
    assert scheduler.next_turn().id == "a"


def test_removing_a_queued_interactive_task_frees_its_turn(scheduler):
    scheduler.add_interactive("gone")
    scheduler.remove("gone")
    assert scheduler.next_turn() is None


def test_clicks_without_end_let_a_render_have_a_piece_now_and_then(scheduler, clock):
    scheduler.add_render("job")
    turns = []
    for number in range(200):
        scheduler.add_interactive(f"click {number}")
        turns.append(next_piece(scheduler))
        clock.now += 1
        if turns[-1] == "job":
            scheduler.remove(f"click {number}")
    assert turns.count("job") == pytest.approx(200 / RENDER_PATIENCE_S, abs=1)
    assert turns.index("job") == RENDER_PATIENCE_S


def test_a_pause_between_clicks_is_what_a_render_waits_for(scheduler, clock):
    scheduler.add_render("job")
    scheduler.add_interactive("click")
    assert next_piece(scheduler) == "click"
    clock.now += RENDER_PATIENCE_S
    assert next_piece(scheduler) == "job"
    scheduler.add_interactive("another")
    assert next_piece(scheduler) == "another"


def test_of_several_workers_one_is_kept_free_while_somebody_clicks(scheduler, clock):
    scheduler.add_interactive("click")
    scheduler.add_render("first", "ann")
    scheduler.add_render("second", "bob")
    assert scheduler.next_turn(workers=2).id == "click"
    clock.now += 1
    scheduler.remove("click")
    assert scheduler.next_turn(workers=2).id == "first"
    assert scheduler.next_turn(workers=2, rendering=1) is None
    assert scheduler.rest_s() == CLICKS_LAST_S
    scheduler.add_interactive("another click")
    assert scheduler.next_turn(workers=2, rendering=1).id == "another click"
    scheduler.remove("another click")
    clock.now += CLICKS_LAST_S
    assert scheduler.next_turn(workers=2, rendering=1).id == "second"
    assert scheduler.rest_s() is None


def test_a_crowd_of_clicks_has_the_free_worker_however_long_a_second_render_waits(scheduler, clock):
    scheduler.add_render("first")
    scheduler.add_render("second")
    assert scheduler.next_turn(workers=2).id == "first"
    for number in range(100):
        scheduler.add_interactive(f"click {number}")
        assert scheduler.next_turn(workers=2, rendering=1).id == f"click {number}"
        scheduler.remove(f"click {number}")
        clock.now += 5


def test_a_single_worker_is_kept_free_for_nobody(scheduler):
    scheduler.add_interactive("click")
    scheduler.remove("click")
    scheduler.add_render("job")
    assert scheduler.next_turn(workers=1).id == "job"


def test_after_a_death_the_workers_rest_a_moment_longer_each_time(scheduler, clock):
    scheduler.add_render("job")
    waits = []
    for _ in range(12):
        scheduler.worker_died("job")
        scheduler.piece_ready("job")
        waits.append(round(scheduler.wait_s(), 6))
        assert scheduler.next_turn() is None
        clock.now += scheduler.wait_s()
        assert scheduler.next_turn() is not None
    assert waits == sorted(waits)
    assert waits[0] < waits[3] < waits[-1] == pytest.approx(LONGEST_BACKOFF_S)


def test_a_piece_is_tried_a_bounded_number_of_times(scheduler):
    assert [scheduler.worker_died("job") for _ in range(3)] == [True, True, False]


def test_an_interactive_task_whose_worker_died_is_the_next_of_its_client(scheduler, clock):
    scheduler.add_interactive("first")
    scheduler.add_interactive("second")
    assert scheduler.next_turn().id == "first"
    assert scheduler.worker_died("first")
    clock.now += 1
    assert scheduler.next_turn().id == "first"


def test_a_piece_that_ends_well_starts_the_count_anew(scheduler, clock):
    scheduler.worker_died("job")
    scheduler.worker_died("job")
    scheduler.piece_done("job")
    clock.now += 100
    assert scheduler.worker_died("job")
