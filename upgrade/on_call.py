"""What people who are called by a run, or look after it, may ask: a part of the service."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from upgrade.events import UpgradeEvent
from upgrade.ports import Verb
from upgrade.run import UpgradeRun
from upgrade.troubles import troubles_of
from upgrade.verbs import MUTED, must_be_a_mute, must_be_a_note, must_be_in_other_hands, must_call


class OnCall(ABC):
    """Verbs that change nothing of what a run does, only whom it calls and what its story says."""

    @abstractmethod
    def now(self) -> datetime: ...
    @abstractmethod
    def run(self, run_id: str) -> UpgradeRun: ...
    @abstractmethod
    def events(self, run_id: str, after: int = 0) -> Sequence[UpgradeEvent]: ...
    @abstractmethod
    def _ask(
        self, verb: Verb, run_id: str, actor: str, origin: str, judge: Callable[[UpgradeRun], None], **payload: str
    ) -> None: ...

    def acknowledge(self, run_id: str, *, actor: str, origin: str, call: str = "") -> None:
        """Somebody has seen what they were called for. ``call``: the key of that trouble; empty: all that there is.

        Of one trouble each person says so once, however often they press.

        Raises NotNow when nothing calls for a person, or that does not any more.
        """
        run = self.run(run_id)
        judge = partial(must_call, troubles=troubles_of(run, self.events(run.id)), call=call)
        once = f"acknowledge:{run.id}:{call}:{actor}" if call else origin
        self._ask("acknowledge", run.id, actor, once, judge, call=call)

    def take_over(self, run_id: str, *, actor: str, origin: str) -> None:
        """Whoever asks is in charge, and has seen all that people were called for."""
        self._ask("take_over", run_id, actor, origin, partial(must_be_in_other_hands, actor=actor))

    def mute(self, run_id: str, lasts: timedelta = MUTED, *, actor: str, origin: str) -> None:
        """Nobody is called again of what is known, for so long. Raises NotNow for a time that is too long."""
        must_be_a_mute(lasts)
        until = self.now() + lasts
        self._ask("mute", run_id, actor, origin, lambda _: None, until=until.isoformat())

    def note(self, run_id: str, text: str, *, actor: str, origin: str) -> None:
        """Write something into the story of a run. Raises NotNow for a note that is empty or too long."""
        said = " ".join(text.split())
        must_be_a_note(said)
        self._ask("note", run_id, actor, origin, lambda _: None, text=said)
