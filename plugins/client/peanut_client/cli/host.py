"""`peanut host`: what scripts inside a host start and talk to."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import webbrowser

from peanut_client.cli import options
from peanut_client.cli.app import app, version
from peanut_client.cli.hosting import serve


@app.command()
def host(as_json: options.Json = False) -> None:
    """Answer JSON lines on stdin, for plugins; see docs/davinci.md. Always speaks JSON."""
    del as_json  # there is nothing else that it could speak
    # Browsers that are started here inherit stdout and print what they like; the protocol gets a
    # descriptor of its own, which nobody inherits, and stdout becomes stderr.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    lines = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="replace")
    try:
        serve(lines, out, version=version(), open_page=webbrowser.open)
    finally:
        with contextlib.suppress(ValueError, OSError):
            lines.detach()
            out.close()
