"""Logs: one line an event, key=value or JSON, and never a secret in it."""

from __future__ import annotations

import json
import logging
import math
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, TextIO

from bot.config import LogSettings
from upgrade.engine.clock import ScaledClock, SystemClock

#: Tokens of Slack, keys of AWS, cluster tokens (presigned STS URLs) and whatever calls itself a secret.
_SECRETS: Final = re.compile(
    r"xox[a-z]-[\w-]+|xapp-[\w-]+|xwfp-[\w-]+"
    r"|(?:AKIA|ASIA)[A-Z0-9]{12,}"
    r"|k8s-aws-v1\.[\w=-]+"
    r"|(?<=X-Amz-Signature=)[0-9a-f]+|(?<=X-Amz-Security-Token=)[^&\s\"']+"
    r"|(?<=Bearer )[\w.~+/=-]+"
    r"|(?<=hooks\.slack\.com/)[\w/-]+"
    r"|(?i:(?<=secret=)|(?<=token=)|(?<=password=))[^&\s\"',]+"
)
_HIDDEN: Final = "[hidden]"
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({})))
_NOISY: Final = ("slack_bolt", "slack_sdk", "botocore", "boto3", "urllib3", "apscheduler", "kubernetes")
#: What differs between repeats of one line of a library: ids of sessions, ports, counts.
_VARIABLE: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|0x[0-9a-f]+|\d+")
REPEAT_SECONDS: Final = 60.0
_REMEMBERED_SECONDS: Final = 3600.0


def hide(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without anything that looks like a secret, or is one of ``secrets``."""
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    return _SECRETS.sub(_HIDDEN, text)


class LineFormatter(logging.Formatter):
    """``at=2026-01-05T14:00:00Z level=info logger=bot.notifier msg="…" key=value``, or the same as JSON.

    ``at`` is the machine's time. With a scaled ``clock``, ``domain_time`` is what runs and people go by.
    """

    def __init__(self, *, as_json: bool, secrets: Iterable[str] = (), clock: SystemClock | None = None) -> None:
        super().__init__()
        self._as_json = as_json
        self._clock = clock if isinstance(clock, ScaledClock) else None
        self._secrets = tuple(secret for secret in secrets if secret)

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        content: dict[str, Any] = {
            "at": f"{at}.{int(record.msecs):03}Z",
            **({"domain_time": f"{self._clock.now():%Y-%m-%dT%H:%M:%SZ}"} if self._clock else {}),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
        }
        content |= {key: value for key, value in vars(record).items() if key not in _STANDARD and key != "message"}
        if record.exc_info:
            content["error"] = self.formatException(record.exc_info)
        if self._as_json:
            line = json.dumps(content, default=str, ensure_ascii=False)
        else:
            line = " ".join(f"{key}={_quoted(value)}" for key, value in content.items())
        return hide(line, self._secrets)


class Repeats(logging.Filter):
    """Lets the same line of a library through once a minute; ``repeated`` says how often it came in between.

    While Slack is away its client repeats itself every second. Our own lines all pass.

    Args:
        now: real seconds that only grow.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._lock = threading.Lock()
        #: By line: when it passed last, and how often it was held back since.
        self._seen: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] not in _NOISY:
            return True
        line = (record.name, record.levelno, _VARIABLE.sub("#", record.getMessage()))
        with self._lock:
            now = self._now()
            passed_at, held_back = self._seen.get(line, (-math.inf, 0))
            if now - passed_at < REPEAT_SECONDS:
                self._seen[line] = passed_at, held_back + 1
                return False
            # What nobody has said for long is forgotten, so that this never grows.
            self._seen = {one: seen for one, seen in self._seen.items() if now - seen[0] < _REMEMBERED_SECONDS}
            self._seen[line] = now, 0
        if held_back:
            vars(record)["repeated"] = held_back
        return True


def _quoted(value: Any) -> str:
    """As it is when it is one word; else in quotes, on one line, with nothing that a terminal would obey."""
    text = str(value)
    plain = text and not re.search(r"[\s\"=]", text) and text.isprintable()
    return text if plain else json.dumps(text, ensure_ascii=not text.isprintable())


def set_up_logs(
    settings: LogSettings,
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
    clock: SystemClock | None = None,
) -> None:
    """Send everything to standard error in our form; libraries speak up from warning on, each line once a minute."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(LineFormatter(as_json=settings.format == "json", secrets=secrets, clock=clock))
    handler.addFilter(Repeats())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    # "Connection pool is full" is no trouble: a connection more was made and is closed after use.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    # A role that cannot be assumed is told in a sentence where it is met, not with every line of botocore.
    logging.getLogger("botocore.credentials").setLevel(logging.ERROR)
    logging.captureWarnings(True)
