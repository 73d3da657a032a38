"""What all scenarios share."""

import time

from support.ofx_host.host import TestHost

SCENARIOS = {}
BUTTONS = ("analyse", "approve", "process", "review", "refresh")
VIEWS = {"source": 0, "overlay": 1, "matte": 2, "plate": 3, "result": 4}


def scenario(function):
    SCENARIOS[function.__name__] = function
    return function


def loaded(binary, **options):
    host = TestHost(binary, **options)
    assert host.load() == 0
    return host


def prompted(x, y, height):
    """Parameters for one click on the pixel (x, y) from the top left."""
    return {"point1Sign": 1, "point1": [x + 0.5, height - y - 0.5]}


def timed(function, *arguments, **more):
    start = time.monotonic()
    result = function(*arguments, **more)
    return result, time.monotonic() - start
