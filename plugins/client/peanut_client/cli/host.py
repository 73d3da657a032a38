"""`peanut host`: what scripts inside a host start and talk to."""

from __future__ import annotations

import contextlib
import io
import sys
import webbrowser

from peanut_client.cli import options
from peanut_client.cli.app import app, version
from peanut_client.cli.hosting import serve


@app.command()
def host(as_json: options.Json = False) -> None:
    """Answer JSON lines on stdin, for plugins; see docs/davinci.md. Always speaks JSON."""
    del as_json  # there is nothing else that it could speak
    out = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", write_through=True)
    lines = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="replace")
    try:
        # Browsers print what they like; stdout belongs to the protocol.
        with contextlib.redirect_stdout(sys.stderr):
            serve(lines, out, version=version(), open_page=webbrowser.open)
    finally:
        with contextlib.suppress(ValueError, OSError):
            out.detach()
            lines.detach()
