"""Format of the log, and the job that each line belongs to."""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar

job_id: ContextVar[str] = ContextVar("job_id", default="-")


class _JobFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.job_id = job_id.get()
        return True


def configure(level: str) -> None:
    """Send every record of this process to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_JobFilter())
    handler.setFormatter(
        logging.Formatter(
            "%(asctime)s %(levelname)-7s %(processName)s %(job_id)s %(name)s: %(message)s"
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
