"""What all EKS update operations share: tokens, the record of calls and effects, finding updates."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox.world.errors import AwsError, InvalidParameter, ResourceInUse, ResourceNotFound
from sandbox.world.manifests import canonical
from sandbox.world.model import Addon, Call, Cluster, Effect, Nodegroup, Update, UpdateError, UpdateStatus

if TYPE_CHECKING:
    from sandbox.world.world import World


def admit(
    world: World,
    cluster: Cluster,
    operation: str,
    *,
    subject: str,
    args: dict[str, Any],
    token: str | None,
    start: Callable[[], Update],
) -> Update:
    """Runs `start` once for a token: the same token with the same arguments gives the same update.

    Raises InvalidParameter for a known token with other arguments, and whatever `start` refuses. Notes the call, and
    the effect if any.
    """

    def note(outcome: str) -> None:
        world.record(Call(world.now, operation, cluster.key, subject, args, token, outcome))

    asked = canonical([subject, args])
    known = cluster.tokens.get((operation, token)) if token else None
    if known is not None:
        if known[0] != asked:
            note(InvalidParameter.code)
            raise InvalidParameter(
                "The client request token was already used with different parameters.", clusterName=cluster.name
            )
        note("repeated")
        return cluster.updates[known[1]]
    try:
        update = start()
    except AwsError as error:
        note(error.code)
        raise
    update.token = token
    if token:
        cluster.tokens[(operation, token)] = (asked, update.id)
    note("ok")
    world.effects.append(Effect(world.now, operation, cluster.key, subject, args, token, update.id))
    return update


def begin(
    world: World,
    cluster: Cluster,
    kind: str,
    params: dict[str, str],
    *,
    addon_name: str | None = None,
    nodegroup_name: str | None = None,
    force: bool = False,
) -> Update:
    """A new update in progress."""
    update = Update(
        id=world.draws.uuid("update", cluster.key, len(cluster.updates)),
        type=kind,
        status="InProgress",
        params=params,
        created_at=world.now,
        addon_name=addon_name,
        nodegroup_name=nodegroup_name,
        force=force,
    )
    cluster.updates[update.id] = update
    world.changed()
    return update


def end(world: World, update: Update, status: UpdateStatus, errors: list[UpdateError] | None = None) -> None:
    """The update is over."""
    update.status = status
    update.errors = errors or []
    update.ended_at = world.now
    world.changed()


def refuse_if_busy(cluster: Cluster, operation: str, *, with_subject: str | None = None) -> None:
    """Raises ResourceInUse while the control plane, or `with_subject`, is being updated; without a subject, while
    anything is.
    """
    for update in cluster.updates_in_progress():
        if with_subject is None or update.subject in ("control-plane", with_subject):
            raise ResourceInUse(
                f"Cannot {operation} because cluster {cluster.name} currently has update {update.id} in progress",
                clusterName=cluster.name,
                nodegroupName=update.nodegroup_name or "",
                addonName=update.addon_name or "",
            )


def find_addon(cluster: Cluster, name: str) -> Addon:
    """Raises ResourceNotFound."""
    if name not in cluster.addons:
        raise ResourceNotFound(
            f"No addon: {name} found in cluster: {cluster.name}", clusterName=cluster.name, addonName=name
        )
    return cluster.addons[name]


def find_nodegroup(cluster: Cluster, name: str) -> Nodegroup:
    """Raises ResourceNotFound."""
    if name not in cluster.nodegroups:
        raise ResourceNotFound(f"No node group found for name: {name}.", clusterName=cluster.name, nodegroupName=name)
    return cluster.nodegroups[name]


def describe_update(cluster: Cluster, update_id: str, nodegroup_name: str | None, addon_name: str | None) -> Update:
    """Raises ResourceNotFound, also for an update of a node group or add-on asked for without its name."""
    update = cluster.updates.get(update_id)
    if update is None or (update.nodegroup_name, update.addon_name) != (nodegroup_name, addon_name):
        raise ResourceNotFound(f"No update found for ID: {update_id}", clusterName=cluster.name)
    return update


def list_updates(cluster: Cluster, nodegroup_name: str | None, addon_name: str | None) -> list[Update]:
    """Newest first. Raises ResourceNotFound for an unknown node group or add-on."""
    if nodegroup_name is not None:
        find_nodegroup(cluster, nodegroup_name)
    if addon_name is not None:
        find_addon(cluster, addon_name)
    found = [u for u in cluster.updates.values() if (u.nodegroup_name, u.addon_name) == (nodegroup_name, addon_name)]
    return found[::-1]
