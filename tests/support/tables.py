"""Tables that tests fill and pytest prints at its end, also when workers ran them."""

from __future__ import annotations

TABLES: dict[str, str] = {}
"""Text by title."""


def add_table(title: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Have a table printed when the run ends."""
    lines = [head, *rows]
    widths = [max(len(line[k]) for line in lines) for k in range(len(head))]
    text = ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)) for r in lines]
    TABLES[title] = "\n".join(line.rstrip() for line in text)
