"""Whether somebody may do what they asked of a run, looked up when it counts (DESIGN 6)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from upgrade.engine.approvals import named_for, why_it_does_not_count
from upgrade.ports import Access, Refused, Verb
from upgrade.run import RunStatus, UpgradeRun

_log = logging.getLogger(__name__)
_ONLY_LIFTERS: Final = "Only the people that the freeze names, and admins, may lift it."
_ONLY_NAMED: Final = "In this environment only approvals of {} count (approver_groups)."


def refusal_of(access: Access, run: UpgradeRun, actor: str, verb: Verb, payload: Mapping[str, str]) -> str | None:
    """Why this person may not; None when they may."""
    try:
        named = named_for(run, payload["gate"]) if verb in ("approve", "reject") else ()
        if named and access.belongs(actor, named):
            return None
        if verb == "approve" and run.policy.approver_groups:
            return _ONLY_NAMED.format(", ".join(named))
        answer = access.allows(actor, verb, run.cluster)
        if verb == "lift" and isinstance(answer, Refused):
            lifters = next((one.lifters for one in run.policy.freezes if one.name == payload["freeze"]), ())
            return None if access.belongs(actor, lifters) else _ONLY_LIFTERS
    except Exception:
        _log.exception("looking up whether %s may %s failed", actor, verb)
        return "It could not be looked up whether you may do that; try again."
    return answer.reason if isinstance(answer, Refused) else None


def waits_for(access: Access, run: UpgradeRun, actor: str) -> bool:
    """Whether the run waits for an approval that this person may give, and has not given."""
    gate = run.waiting_for
    if run.status is not RunStatus.AWAITING_APPROVAL or run.plan is None or gate is None:
        return False
    given = any((one.gate, one.digest, one.by) == (gate, run.plan.digest, actor) for one in run.approvals)
    if given or why_it_does_not_count(run, actor) is not None:
        return False
    return refusal_of(access, run, actor, "approve", {"gate": gate}) is None
