"""What doctor says: one verdict a thing that was looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from bot.logs import hide


class State(StrEnum):
    OK = "ok"
    #: Worth knowing; nothing has to be done.
    NOTE = "note"
    FIX = "fix"


@dataclass(frozen=True)
class Verdict:
    """Args:
    code: a name for programs, such as ``slack-scope-missing``.
    subject: what was looked at, such as ``prod-eu (read role)``.
    summary: one sentence.
    remedy: the next move: a command, or what to do where there is none.
    """

    state: State
    code: str
    subject: str
    summary: str
    remedy: str = ""

    @property
    def line(self) -> str:
        """One line that holds no secret and that no terminal obeys."""
        line = f"{self.state:<5}{self.subject}: {self.summary}{f' Do: {self.remedy}' if self.remedy else ''}"
        return hide("".join(letter if letter.isprintable() else " " for letter in line))

    def as_json(self) -> dict[str, Any]:
        return {key: hide(str(value)) for key, value in asdict(self).items()}


def ok(code: str, subject: str, summary: str) -> Verdict:
    return Verdict(State.OK, code, subject, summary)


def note(code: str, subject: str, summary: str, remedy: str = "") -> Verdict:
    return Verdict(State.NOTE, code, subject, summary, remedy)


def fix(code: str, subject: str, summary: str, remedy: str) -> Verdict:
    return Verdict(State.FIX, code, subject, summary, remedy)


def to_fix(verdicts: Iterable[Verdict]) -> int:
    return sum(verdict.state is State.FIX for verdict in verdicts)
