"""Which models stay loaded."""

from hypothesis import given
from hypothesis import strategies as st

from peanut_daemon.worker.residency import Residency

GIB = 2**30


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class Bench:
    """A residency, its clock, and what was loaded in which order."""

    def __init__(self, keep_alive_s=300.0, room=10 * GIB):
        self.clock = Clock()
        self.loads = []
        self.residency = Residency(
            keep_alive_s=keep_alive_s, room_bytes=lambda device: room, clock=self.clock
        )

    def use(self, name, size=GIB, device="cuda:0", needs=()):
        """A task that uses one model."""
        model = self.get(name, size, device, needs)
        self.residency.end_of_task()
        self.clock.now += 1
        return model

    def get(self, name, size=GIB, device="cuda:0", needs=()):
        def load():
            self.loads.append(name)
            return object()

        return self.residency.get(
            name, load, name=name, device=device, size_bytes=size, needs=needs
        )

    def names(self):
        return [resident.name for resident in self.residency.residents()]


def test_a_model_is_loaded_once_while_it_is_kept():
    bench = Bench()
    assert bench.use("sam") is bench.use("sam")
    assert bench.loads == ["sam"]


def test_an_unused_model_goes_after_the_keep_alive_time_and_not_before():
    bench = Bench(keep_alive_s=300)
    bench.use("sam")
    bench.clock.now += 150
    bench.use("sam")
    assert bench.residency.next_expiry_s() == 299
    bench.clock.now += 298.5
    assert bench.residency.evict_expired() == ()
    bench.clock.now += 1
    assert [r.name for r in bench.residency.evict_expired()] == ["sam"]
    assert bench.residency.next_expiry_s() is None
    bench.use("sam")
    assert bench.loads == ["sam", "sam"]


def test_the_time_counts_from_the_end_of_the_task_that_used_it():
    bench = Bench(keep_alive_s=10)
    bench.get("slow")
    bench.clock.now += 100
    assert bench.residency.evict_expired() == ()
    assert bench.residency.next_expiry_s() is None
    bench.residency.end_of_task()
    assert bench.residency.next_expiry_s() == 10


def test_keep_alive_0_ends_with_the_task_and_a_negative_one_never():
    short, endless = Bench(keep_alive_s=0), Bench(keep_alive_s=-1)
    for bench in (short, endless):
        bench.use("sam")
        bench.clock.now += 1e6
        bench.residency.evict_expired()
    assert short.names() == []
    assert endless.names() == ["sam"]
    assert endless.residency.next_expiry_s() is None


def test_the_model_used_longest_ago_makes_room_on_its_own_device():
    bench = Bench(room=3 * GIB)
    bench.use("elsewhere", 3 * GIB, device="cpu")
    for name in ("old", "middle", "young"):
        bench.use(name)
    bench.use("old")
    bench.use("newcomer")
    assert bench.names() == ["elsewhere", "young", "old", "newcomer"]


def test_what_the_task_in_hand_uses_is_never_dropped():
    bench = Bench(room=2 * GIB)
    bench.get("tracker")
    bench.get("larger than the room", 5 * GIB)
    assert bench.names() == ["tracker", "larger than the room"]
    assert bench.residency.evict_idle() == ()
    bench.residency.end_of_task()
    assert len(bench.residency.evict_idle()) == 2


def test_a_model_that_another_needs_stays_with_it_and_they_go_together():
    bench = Bench(keep_alive_s=300)
    bench.use("clicks")
    bench.use("sentences", needs=["clicks"])
    bench.clock.now += 200
    bench.use("sentences", needs=["clicks"])
    bench.clock.now += 200
    assert bench.residency.evict_expired() == ()
    bench.clock.now += 200
    assert {r.name for r in bench.residency.evict_expired()} == {"clicks", "sentences"}


def test_a_model_does_not_stay_without_the_one_that_it_needs():
    bench = Bench(room=3 * GIB)
    bench.use("clicks")
    bench.use("sentences", needs=["clicks"])
    bench.use("clicks")
    bench.use("large", 3 * GIB)
    assert bench.names() == ["large"]


@given(
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 4), st.integers(0, 200)), max_size=60),
    st.integers(2, 8),
)
def test_the_room_is_kept_whatever_is_asked_for(asks, room):
    """With models of 1 to 8 units: above the room only while a single one is larger than it."""
    bench = Bench(room=room * GIB, keep_alive_s=100)
    for number, pause, _ in asks:
        size = number + 1
        bench.use(f"model {number}", size * GIB)
        taken = sum(r.size_bytes for r in bench.residency.residents())
        assert taken <= max(room, size) * GIB
        assert f"model {number}" in bench.names()
        bench.clock.now += pause
