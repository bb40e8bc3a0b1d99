"""Move the control plane one minor (C-11b)."""

from __future__ import annotations

from upgrade.eks import UpdateSubject
from upgrade.engine.steps.context import Act, StepContext
from upgrade.engine.steps.updates import Wanted, find_update, follow_update, settling
from upgrade.plan import ControlPlaneStep
from upgrade.run import Done, Outcome, Wait


def _wanted(step: ControlPlaneStep) -> Wanted:
    return Wanted(UpdateSubject(kind="cluster"), "VersionUpdate", {"Version": str(step.version)}, {})


class ControlPlaneKind:
    def observe(self, step: ControlPlaneStep, context: StepContext) -> Outcome | None:
        plane = context.aws.describe_cluster()
        poll = context.settings.poll_control_plane
        found = find_update(_wanted(step), context, busy=plane.status != "ACTIVE", poll=poll)
        if found is None and plane.version >= step.version:
            return Done(skipped=True, note=f"The control plane already is on {plane.version}.")
        return found

    def prepare(self, step: ControlPlaneStep, context: StepContext) -> Act:
        aws, poll = context.changing(), context.settings.poll_control_plane.total_seconds()
        return lambda token: Wait(seconds=poll, update=aws.update_cluster_version(step.version, token=token))

    def follow(self, step: ControlPlaneStep, context: StepContext) -> Outcome:
        poll = context.settings.poll_control_plane
        progress = f"EKS is moving the control plane to {step.version}."
        under_way = follow_update(_wanted(step), context, poll=poll, progress=progress)
        if under_way is not None:
            return under_way
        plane = context.aws.describe_cluster()
        if plane.version == step.version and plane.status == "ACTIVE":
            served = context.kube.server_version()
            if served == step.version and context.kube.ready():
                return Done(warnings=tuple(f"Cluster health: {i.code}. {i.message}" for i in plane.issues))
            waiting = f"the API servers still say {served}" if served != step.version else "the API is not ready yet"
        else:
            waiting = f"the cluster is {plane.status} on {plane.version}"
        return Wait(seconds=settling(poll), progress=f"EKS has finished; {waiting}.")
