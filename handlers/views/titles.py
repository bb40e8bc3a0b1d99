"""What steps, phases and gates are called, also in a sentence of the engine. Pure."""

from __future__ import annotations

import re
from typing import Final

from handlers.views.text import code, esc, person
from upgrade.gates import PLAN_GATE
from upgrade.plan import (
    AddonStep,
    AnnounceStep,
    BakeStep,
    ConfirmStep,
    ControlPlaneStep,
    NodegroupStep,
    Step,
    UpgradePlan,
)
from upgrade.run import UpgradeRun

#: The id of a step, or of a gate, in a sentence: kind, name, version.
_STEP_ID: Final = re.compile(
    r"(?<![\w/-])(control-plane|addon|add-ons|nodegroup|nodes|confirm|verify|verify-nodes|bake|bake-before-nodes)"
    r"(?:/([^\s@]{1,200}))?@([\w.+-]{0,60}\w)"
)
#: The engine's word for a pause: it knows people by their ids.
_PAUSED: Final = re.compile(r"(\S{1,100}) paused it\.")


def step_title(step: Step) -> str:
    """What a step does, as mrkdwn, with the exact version."""
    if isinstance(step, AnnounceStep):
        return "Notice to everybody"
    if isinstance(step, ControlPlaneStep):
        return f"Control plane to {code(step.version)}"
    if isinstance(step, AddonStep):
        return f"{esc(step.name)} {code(step.version)}"
    if isinstance(step, NodegroupStep):
        release = f" (AMI {code(step.release_version)})" if step.release_version else ""
        return f"Node group {esc(step.name)} to {code(step.version)}{release}"
    if isinstance(step, ConfirmStep):
        return f"{esc(step.subject)} ready for {code(step.version)}, by hand"
    return f"{'Watch' if isinstance(step, BakeStep) else 'Verify'} {code(step.version)}"


def title_of(plan: UpgradePlan | None, step_id: str | None) -> str:
    """The title of a step by its id; what the id says when the plan does not know it."""
    if plan is not None and step_id is not None:
        try:
            return step_title(plan.find(step_id))
        except KeyError:
            pass
    said = _STEP_ID.fullmatch(step_id or "")
    if said is None:
        return code(step_id or "")
    kind, name, version = said.groups()
    titles = {
        "control-plane": f"Control plane to {code(version)}",
        "addon": f"{esc(name)} {code(version)}",
        "nodegroup": f"Node group {esc(name)} to {code(version)}",
        "confirm": f"{esc(name)} ready for {code(version)}, by hand",
        "add-ons": f"Add-ons for {code(version)}",
        "nodes": f"Nodes to {code(version)}",
        "bake": f"Watch {code(version)}",
        "bake-before-nodes": f"Watch {code(version)}",
    }
    return titles.get(kind, f"Verify {code(version)}")


def in_words(plan: UpgradePlan | None, text: str) -> str:
    """A sentence of the engine as mrkdwn: steps by their titles, and whoever paused by their name."""
    if paused := _PAUSED.fullmatch(text):
        return f"{person(paused[1])} paused it."
    pieces, end = [], 0
    for found in _STEP_ID.finditer(text):
        pieces += [esc(text[end : found.start()]), title_of(plan, found.group())]
        end = found.end()
    return "".join([*pieces, esc(text[end:])])


def gate_title(run: UpgradeRun, gate: str | None) -> str:
    """The gate as people know it: the plan, or the title of the phase that waits."""
    phase = run.plan.behind(gate) if run.plan else None
    return "the plan" if gate in (None, "", PLAN_GATE) else f"“{esc(phase.title if phase else gate)}”"
