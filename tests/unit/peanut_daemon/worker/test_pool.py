"""Which worker is where, and which one gets the next piece."""

from pathlib import Path

import pytest

from peanut_daemon.guard.roots import Roots
from peanut_daemon.worker.devices import placements
from peanut_daemon.worker.messages import WorkerOptions
from peanut_daemon.worker.pool import WorkerPool

CPU = ("cpu", "", 1)
TWO_GPUS = (("cuda:0", "", 1), ("cuda:1", "", 1), CPU)


@pytest.mark.parametrize(
    ("wanted", "found", "per_device", "places"),
    [
        ("auto", TWO_GPUS, 1, ("cuda:0",)),
        ("all", TWO_GPUS, 1, ("cuda:0", "cuda:1")),
        ("all", (CPU,), 2, ("cpu", "cpu")),
        ("cuda:1, cpu", TWO_GPUS, 2, ("cuda:1", "cpu", "cuda:1", "cpu")),
        ("auto", (CPU,), 3, ("cpu", "cpu", "cpu")),
        # Refused when it is used, with what there is instead.
        ("mps", TWO_GPUS, 1, ("mps",)),
        # Nobody has looked yet.
        ("all", (), 1, ("auto",)),
    ],
)
def test_places_of_workers(wanted, found, per_device, places):
    assert placements(wanted, found, per_device) == places


@pytest.fixture
def pool():
    options = WorkerOptions(
        store_dir=Path("/nowhere"),
        models_dir=Path("/nowhere"),
        device="all",
        log_level="INFO",
        roots=Roots(allowed=(), private=Path("/nowhere")),
    )
    return WorkerPool(options)


def test_there_is_one_worker_until_it_has_looked_for_devices_then_one_on_each(pool):
    assert [worker.device for worker in pool.workers] == ["auto"]
    pool.workers[0].process.devices = TWO_GPUS
    assert [worker.device for worker in pool.workers] == ["cuda:0", "cuda:1"]


def test_work_goes_back_to_the_worker_that_has_its_models_if_that_is_idle(pool):
    pool.workers[0].process.devices = TWO_GPUS
    first, second = pool.workers
    second.take("job", is_job=True)
    assert pool.busy_with("job") == [second]
    assert pool.idle("another") is first
    second.give_back()
    assert pool.idle("job") is second
    second.take("click", is_job=False)
    assert (second.job_id, pool.ready) == ("", True)
    first.take("job", is_job=True)
    assert not pool.ready
