"""A worker whose decoder hangs, to be run in a process of its own."""

import time

from peanut_daemon.media import limits
from peanut_daemon.media.stream import StreamDecoder
from peanut_daemon.worker.main import run_worker


def run(pipe, options):
    limits.FRAME_TIMEOUT_S = 0.2
    StreamDecoder._decode = lambda self, frame_index: time.sleep(3600)
    run_worker(pipe, options)
