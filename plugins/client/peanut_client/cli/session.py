"""Opening the client for a command."""

from __future__ import annotations

from peanut_client.cli.output import Output
from peanut_client.client import PeanutClient


def open_client(output: Output, *, start: bool = True) -> PeanutClient:
    """Connect to the daemon, and say so where one has to be started first.

    Raises:
        DaemonUnavailableError: none answers and none can be started.
    """

    def starting() -> None:
        output.event("starting_daemon")
        output.note("starting the daemon (it stays for the next commands; `peanut stop` ends it)")

    return PeanutClient(start=start, on_start=starting)
