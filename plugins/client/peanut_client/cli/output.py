"""What the commands write: results on stdout, everything else on stderr.

With `--json`, stdout gets exactly one JSON document, the result or `{"error": ...}`, and progress
goes to stderr as one JSON object per line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from peanut_client.cli.failures import CliError


class Bar:
    """A progress bar on a terminal; nothing elsewhere."""

    def __init__(self, progress: Progress | None, task: TaskID | None) -> None:
        self._progress = progress
        self._task = task

    def show(self, what: str, done: int, total: int) -> None:
        """Say what is going on, and set the bar to `done` of `total`."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=what, completed=done, total=total or None)


class Output:
    """Where one command writes to."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._out = Console(highlight=False, soft_wrap=True)
        self._err = Console(stderr=True, highlight=False, soft_wrap=True)

    # --- for programs ---

    def document(self, document: Mapping[str, Any]) -> None:
        """Write the result for programs; nothing without `--json`."""
        if self.as_json:
            self._out.out(json.dumps(document, indent=2), highlight=False)

    def event(self, event: str, **fields: Any) -> None:
        """Write one line of progress for programs; nothing without `--json`."""
        if self.as_json:
            self._err.out(json.dumps({"event": event, **fields}), highlight=False)

    # --- for people ---

    def line(self, text: str, *, style: str = "") -> None:
        """Write a line of the result for people."""
        if not self.as_json:
            self._out.print(Text(text, style=style))

    def text(self, text: Text) -> None:
        """Write a line with several styles for people."""
        if not self.as_json:
            self._out.print(text)

    def facts(self, facts: Iterable[tuple[str, str]]) -> None:
        """Write names and values, one pair per line, the values aligned."""
        pairs = list(facts)
        width = max((len(name) for name, _ in pairs), default=0)
        for name, value in pairs:
            if not self.as_json:
                self._out.print(Text.assemble((f"  {name:<{width}}  ", "dim"), value))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
        """Write a table for people, without frame and never folded, so that paths stay whole."""
        if self.as_json:
            return
        lines = [[Text(name, style="bold") for name in columns]]
        lines += [[Text(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
        widths = [max(line[k].cell_len for line in lines) for k in range(len(columns))]
        for line in lines:
            for cell, width in zip(line[:-1], widths, strict=False):
                cell.pad_right(width - cell.cell_len)
            self._out.print(Text("  ").join(line))

    def note(self, text: str) -> None:
        """Tell people on stderr what is going on."""
        if not self.as_json:
            self._err.print(Text(text, style="dim"))

    def warning(self, text: str) -> None:
        """Tell on stderr what may be wrong; with `--json` as an event."""
        self.event("warning", message=text)
        if not self.as_json:
            self._err.print(Text.assemble(("warning: ", "yellow"), text))

    @contextmanager
    def bar(self, what: str) -> Iterator[Bar]:
        """Show a progress bar while the block runs."""
        if self.as_json or not self._err.is_terminal:
            yield Bar(None, None)
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._err, transient=True) as progress:
            yield Bar(progress, progress.add_task(what, total=None))

    # --- for both ---

    def error(self, error: CliError) -> None:
        """Write an error: one red line and a hint, or the JSON form of both."""
        if self.as_json:
            fields = {
                "reason": error.reason,
                "message": error.message,
                "hint": error.hint,
                "retryable": error.retryable,
                "incident_id": error.incident_id,
            }
            self.document({"error": fields})
            return
        self._err.print(Text(f"error: {error.message}", style="red"))
        if error.hint:
            self._err.print(Text(f"hint: {error.hint}"))
