"""Updates: what runs, what ran and how it ended."""

from __future__ import annotations

from sandbox.aws.eks.operations import EksCall, Json, operation
from sandbox.world.errors import InvalidParameter, InvalidRequest
from sandbox.world.model import Update


def update_answer(update: Update) -> Json:
    """An update as DescribeUpdate tells it."""
    return {
        "id": update.id,
        "status": update.status,
        "type": update.type,
        "params": [{"type": kind, "value": value} for kind, value in update.params.items()],
        "createdAt": update.created_at,
        "errors": [
            {"errorCode": error.error_code, "errorMessage": error.error_message, "resourceIds": error.resource_ids}
            for error in update.errors
        ],
    }


@operation
def describe_update(call: EksCall) -> Json:
    return {"update": update_answer(_named(call))}


@operation
def list_updates(call: EksCall) -> Json:
    _one_subject(call)
    found = call.world.list_updates(
        call.cluster(), nodegroup_name=call.get("nodegroupName"), addon_name=call.get("addonName")
    )
    page, token = call.page([update.id for update in found])
    return {"updateIds": page, "nextToken": token}


@operation
def cancel_update(call: EksCall) -> Json:
    """Only a rollback in its node phase on Auto Mode can be cancelled, and the sandbox has no Auto Mode."""
    update = _named(call)
    raise InvalidRequest(
        f"Update {update.id} of type {update.type} cannot be cancelled. Only VersionRollback updates on EKS Auto Mode "
        "clusters can be cancelled, while nodes are rolling back.",
        clusterName=call.cluster_name,
    )


def _named(call: EksCall) -> Update:
    _one_subject(call)
    return call.world.describe_update(
        call.cluster(), call.get("updateId"), nodegroup_name=call.get("nodegroupName"), addon_name=call.get("addonName")
    )


def _one_subject(call: EksCall) -> None:
    if call.get("nodegroupName") and call.get("addonName"):
        raise InvalidParameter(
            "Specify either nodegroupName or addonName, not both.",
            clusterName=call.cluster_name,
            nodegroupName=call.get("nodegroupName"),
            addonName=call.get("addonName"),
        )
