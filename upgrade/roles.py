"""Which roles carry which verb (DESIGN 6). Who has a role is configured."""

from __future__ import annotations

from typing import Final, Literal

from upgrade.ports import Verb

Role = Literal["viewer", "operator", "approver", "break_glass", "admin"]

LOOK: Final = frozenset[Verb]({"check", "plan", "status"})
OPERATE: Final = frozenset[Verb]({"start", "pause", "resume", "retry", "abort", "recheck", "confirm", "reschedule"})
DECIDE: Final = frozenset[Verb]({"approve", "reject", "waive"})
#: What anybody of the workspace may do: stop, and help those who are called.
ANYBODY: Final = frozenset[Verb]({"pause", "acknowledge", "note"})
TEND: Final = frozenset[Verb]({"take_over", "mute"})


def roles_of(verb: Verb) -> tuple[Role, ...]:
    """The roles that carry the verb; empty when everybody of the workspace may.

    Of those that look, the viewers count only once some are configured: until then everybody may.
    """
    if verb in ANYBODY:
        return ()
    if verb in LOOK:
        return ("viewer", "operator", "approver", "admin")
    if verb in OPERATE:
        return ("operator", "admin")
    if verb == "break_glass":
        return ("break_glass", "admin")
    if verb in TEND:
        return ("operator", "approver", "admin")
    return ("approver", "admin") if verb in DECIDE else ("admin",)
