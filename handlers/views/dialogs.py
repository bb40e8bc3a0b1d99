"""Modals: the same as the commands by filling in, and the questions behind Approve, Abort, Reject and Waive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from handlers.ids import Dialog, Input, RunRef, finding_key
from handlers.views import kit, limits
from handlers.views.buttons import approval_text
from handlers.views.checklist import item_line, ticked_blocks
from handlers.views.clusters import no_cluster
from handlers.views.kit import Message
from handlers.views.left import abort_blocks
from handlers.views.limits import Block
from handlers.views.plan import way_back
from handlers.views.text import esc
from handlers.words import Word
from upgrade.checklist import unticked
from upgrade.eks import ClusterId
from upgrade.findings import Finding
from upgrade.plan import NodePolicy, Scope
from upgrade.run import AbortPreview, UpgradeRun
from upgrade.service import ConfiguredCluster

#: Items of a check list that fit into one text.
_LINES: Final = 5
_VERBS = {
    Word.CHECK: "Check: is it ready?",
    Word.PLAN: "Plan: what would be done?",
    Word.START: "Start: check, ask for approval, upgrade",
    Word.SCHEDULE: "Schedule: as Start, at a time that comes next",
}
_SCOPES = {
    Scope.ALL: "Everything",
    Scope.CONTROL_PLANE: "Control plane only",
    Scope.ADDONS: "Add-ons only",
    Scope.NODES: "Nodes only",
}
_POLICIES = {
    NodePolicy.LAZY: "lazy: as rarely as possible",
    NodePolicy.MATCH_FIRST: "match-first: level before each hop",
    NodePolicy.EVERY_HOP: "every-hop: after each hop",
}


def render_request_dialog(
    clusters: Sequence[ConfiguredCluster], *, channel: str, chosen: ClusterId | None = None, looking: bool = False
) -> Block:
    """The form that asks for a check, a plan or a run.

    Args:
        channel: where the answer goes; it comes back as the modal's metadata.
        chosen: the cluster it is about.
        looking: there may be more clusters than these.
    """
    title = "Upgrade a cluster"
    if not clusters:
        return kit.modal(Dialog.REQUEST, title, [kit.section(*no_cluster(looking=looking))])
    listed = sorted(clusters, key=lambda one: one.id != chosen)
    names = [kit.option(_name(cluster, clusters), str(cluster.id)) for cluster in listed]
    initial = names[0] if len(names) == 1 or listed[0].id == chosen else None
    verbs = [kit.option(label, word) for word, label in _VERBS.items()]
    scopes = [kit.option(label, scope) for scope, label in _SCOPES.items()]
    policies = [kit.option(label, policy) for policy, label in _POLICIES.items()]
    blocks = [
        kit.select(Input.VERB, "What", verbs, initial=verbs[1]),
        kit.select(Input.CLUSTER, "Cluster", names, initial=initial),
        kit.text_input(Input.TARGET, "To version", placeholder="the next minor", optional=True),
        kit.select(Input.SCOPE, "Scope", scopes, initial=scopes[0], optional=True),
        kit.select(Input.NODES, "Nodes (else as the environment says)", policies, optional=True),
    ]
    if len(names) > limits.OPTIONS:
        blocks.append(kit.context(f"{limits.OPTIONS} of {len(names)} clusters are listed; the command takes them all."))
    return kit.modal(Dialog.REQUEST, title, blocks, submit="Go", metadata=channel)


def _name(cluster: ConfiguredCluster, clusters: Sequence[ConfiguredCluster]) -> str:
    """The bare name where it is unique; else with its region and account."""
    alike = sum(other.id.name == cluster.id.name for other in clusters)
    return cluster.id.name if alike == 1 else f"{cluster.id.name} ({cluster.id.region}, {cluster.id.account})"


def render_abort_dialog(run: UpgradeRun, preview: AbortPreview) -> Block:
    title, ref = f"Abort {run.cluster.name}?", RunRef(run.id).encode()
    return kit.modal(Dialog.ABORT, title, abort_blocks(run, preview), submit="Abort", metadata=ref)


def render_approve_dialog(run: UpgradeRun, ref: RunRef) -> Block:
    """What is left of the check list as boxes, what others ticked above it."""
    left = unticked(run, ref.gate)
    groups = [left[start : start + _LINES] for start in range(0, len(left), _LINES)]
    blocks = [
        kit.section(esc(approval_text(run))),
        *(ticked_blocks(run.plan, run.ticks) if run.plan else []),
        *(kit.section(*map(item_line, group)) for group in groups),
        *kit.checkboxes(Input.TICKS, "I have looked after", [kit.option(item.title, item.id) for item in left]),
    ]
    if run.plan is not None and (no_way_back := (*way_back(run.plan), *run.plan.notes)):
        blocks.insert(1, kit.context(*map(esc, no_way_back)))
    title = f"Approve {run.cluster.name}?"
    return kit.modal(Dialog.APPROVE, title, blocks, submit="Approve", metadata=ref.encode())


def render_reject_dialog(run: UpgradeRun, ref: RunRef) -> Block:
    reason = kit.text_input(Input.REASON, "Why?", hint="Everybody in the thread reads it.", optional=True)
    return kit.modal(Dialog.REJECT, f"Reject {run.cluster.name}?", [reason], submit="Reject", metadata=ref.encode())


def render_note_dialog(run: UpgradeRun, ref: RunRef) -> Block:
    text = kit.text_input(Input.REASON, "What should others know?", hint="Everybody in the thread reads it.")
    return kit.modal(Dialog.NOTE, f"Note for {run.cluster.name}", [text], submit="Note", metadata=ref.encode())


def render_waive_dialog(run: UpgradeRun, findings: Sequence[Finding], ref: RunRef) -> Block:
    """Only findings that may be waived are offered; a waiver changes the plan and voids its approvals."""
    title = f"Waive for {run.cluster.name}"
    if not findings:
        return kit.modal(Dialog.WAIVE, title, [kit.section("Nothing that is in the way may be waived.")])
    options = [kit.option(f"{finding.code} {finding.subject}", finding_key(finding)) for finding in findings]
    blocks = [
        kit.select(Input.FINDING, "Finding", options, initial=options[0] if len(options) == 1 else None),
        kit.text_input(Input.REASON, "Why is that acceptable?", hint="Everybody in the thread reads it."),
        kit.date_input(
            Input.UNTIL, "Until when?", hint="Its last day; left out, as long as the run goes on.", optional=True
        ),
        kit.context("A waiver changes the plan; approvals of the old one do not count."),
    ]
    return kit.modal(Dialog.WAIVE, title, blocks, submit="Waive", metadata=ref.encode())


def render_answer_dialog(title: str, message: Message, *, channel: str = "") -> Block:
    """What takes a dialog's place: why it came to nothing, or the answer to a button in it.

    Args:
        channel: where runs are shown that its buttons ask for.
    """
    return kit.modal(Dialog.ANSWER, title, message.blocks, metadata=channel)
