"""Format of the log, and the job and client that each line belongs to."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from peanut_daemon import context

TEXT, JSON = "text", "json"
FORMATS = (TEXT, JSON)

NOBODY = "-"


def configure(level: str, form: str = TEXT) -> None:
    """Send every record of this process to stderr, one line each.

    Args:
        level: the lowest that is written.
        form: `text` for people, or `json`: one object per line, for programs that collect logs.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_ContextFilter())
    handler.setFormatter(_JsonFormatter() if form == JSON else logging.Formatter(_LINE))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


_LINE = "%(asctime)s %(levelname)-7s %(processName)s %(job_id)s %(client)s %(name)s: %(message)s"


class _ContextFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.job_id = context.job_id() or NOBODY
        record.client = context.client() or NOBODY
        return True


class _JsonFormatter(logging.Formatter):
    """The fields of a record that programs look for; see docs/operation.md."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "process": record.processName,
            "pid": record.process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in ("job_id", "client"):
            if (value := getattr(record, name, NOBODY)) != NOBODY:
                fields[name] = value
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)
