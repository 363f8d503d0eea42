"""Log lines of long-running commands: a fixed event name and its fields, never patients, labels or container output."""

from __future__ import annotations

import logging
import sys

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class EventFormatter(logging.Formatter):
    """`2026-05-01T12:00:00Z INFO attempt_accepted attempt=… shard=…`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, and a traceback below it where there is one."""
        time = self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z")
        fields = " ".join(f"{key}={value}" for key, value in vars(record).items() if key not in _STANDARD)
        line = f"{time} {record.levelname} {record.getMessage()} {fields}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def log_to_stderr(level: int = logging.INFO) -> None:
    """Send Arena's events to stderr, and of other libraries only what is a warning or worse."""
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(EventFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[stream], force=True)
    for room in ("arena", "runners"):
        logging.getLogger(room).setLevel(level)
