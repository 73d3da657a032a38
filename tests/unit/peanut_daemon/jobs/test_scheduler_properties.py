"""Whatever clients ask for in whatever order: fair, bounded, and nobody waits for ever."""

import contextlib
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from peanut_daemon.errors import QueueFullError
from peanut_daemon.jobs.lanes import FairQueue
from peanut_daemon.jobs.scheduler import RENDER_PATIENCE_S, Lane, Scheduler

CLIENTS = st.sampled_from(["ann", "bob", "cyd", "dan"])


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@given(counts=st.dictionaries(CLIENTS, st.integers(1, 40), min_size=1))
def test_nobody_has_two_turns_while_another_waits_for_one(counts):
    queue = FairQueue(limit=1000, noun="items")
    for client, count in counts.items():
        for number in range(count):
            queue.add(f"{client} {number}", client)
    order = []
    while (item := queue.next()) is not None:
        order.append(item)
        queue.remove(item)
    for client, count in counts.items():
        own = [item for item in order if item.startswith(client)]
        assert own == [f"{client} {number}" for number in range(count)]
        for number, item in enumerate(own):
            before = Counter(other.split()[0] for other in order[: order.index(item)])
            assert all(turns <= number + 1 for other, turns in before.items() if other != client)


@given(
    pieces=st.dictionaries(CLIENTS, st.lists(st.integers(1, 5), min_size=1, max_size=6)),
    workers=st.integers(1, 4),
)
def test_all_renders_end_and_no_client_gets_ahead_of_another_by_more_than_the_workers_have(
    pieces, workers
):
    scheduler = Scheduler(max_queued=100, max_attempts=3, clock=Clock())
    left = {}
    for client, jobs in pieces.items():
        for number, count in enumerate(jobs):
            left[f"{client} {number}"] = count
            scheduler.add_render(f"{client} {number}", client)
    under_way, done = [], Counter()
    while left:
        while len(under_way) < workers and (turn := scheduler.next_turn()) is not None:
            under_way.append(turn.id)
        job = under_way.pop(0)
        client = job.split()[0]
        done[client] += 1
        left[job] -= 1
        if left[job]:
            scheduler.piece_ready(job)
        else:
            del left[job]
            scheduler.remove(job)
        # A job does its pieces one by one, so only clients with as many jobs as workers compare.
        busy = [c for c in pieces if sum(j.startswith(c) for j in left) >= workers]
        if len(busy) > 1:
            assert max(done[c] for c in busy) - min(done[c] for c in busy) <= workers
    assert scheduler.next_turn() is None


@given(
    limit=st.integers(1, 30),
    asks=st.lists(st.tuples(CLIENTS, st.booleans()), max_size=120),
)
def test_a_queue_never_exceeds_its_limit_and_keeps_places_for_those_who_have_none(limit, asks):
    queue = FairQueue(limit=limit, noun="items")
    own = Counter()
    for number, (client, leaves) in enumerate(asks):
        full_for_newcomers = len(queue) >= limit
        try:
            queue.check_room(client)
        except QueueFullError:
            assert full_for_newcomers or own[client] > 0
        else:
            queue.add(str(number), client)
            own[client] += 1
            if leaves:
                queue.remove(str(number))
                own[client] -= 1
        assert len(queue) == sum(own.values()) <= limit
    hog = max(own, key=own.get, default="ann")
    if limit >= 4 and len(queue) == own[hog]:
        with contextlib.suppress(QueueFullError):
            while True:
                queue.check_room(hog)
                queue.add(f"more {len(queue)}", hog)
        queue.check_room("newcomer")


@given(
    clicks=st.lists(st.tuples(CLIENTS, st.integers(0, 3)), min_size=1, max_size=100),
    renders=st.integers(1, 3),
)
def test_a_render_waits_for_clicks_but_never_longer_than_its_patience(clicks, renders):
    clock = Clock()
    scheduler = Scheduler(max_queued=10, max_tasks=1000, max_attempts=3, clock=clock)
    for number in range(renders):
        scheduler.add_render(f"job {number}", f"client {number}")
    waiting_since = None
    for number, (client, arrivals) in enumerate(clicks):
        for k in range(arrivals):
            scheduler.add_interactive(f"click {number}/{k}", client)
        clicks_wait = scheduler.waiting(Lane.INTERACTIVE)
        turn = scheduler.next_turn()
        if turn.lane is Lane.RENDER:
            patient = waiting_since is not None and clock.now - waiting_since >= RENDER_PATIENCE_S
            assert clicks_wait == 0 or patient, "a render went before a click"
            scheduler.piece_ready(turn.id)
            waiting_since = None
        else:
            waiting_since = clock.now if waiting_since is None else waiting_since
            assert clock.now - waiting_since < RENDER_PATIENCE_S
            scheduler.remove(turn.id)
        clock.now += 7
