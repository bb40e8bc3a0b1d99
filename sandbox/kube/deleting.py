"""DELETE: grace periods, finalizers, preconditions and what happens to dependents."""

from __future__ import annotations

from sandbox.kube.answers import Answer, as_json
from sandbox.kube.bodies import read_body
from sandbox.kube.reading import Kind, render_object, select
from sandbox.kube.requests import Asked
from sandbox.kube.status import Refused, Subject, bad_request, success
from sandbox.world.model import Cluster
from sandbox.world.objects import (
    CRON_JOBS,
    DAEMON_SETS,
    DEPLOYMENTS,
    JOBS,
    PODS,
    REPLICA_SETS,
    STATEFUL_SETS,
    Json,
    Resource,
    timestamp,
)
from sandbox.world.world import World

_DEPENDENTS: dict[tuple[str, str], Resource] = {
    DEPLOYMENTS.key: REPLICA_SETS,
    REPLICA_SETS.key: PODS,
    STATEFUL_SETS.key: PODS,
    DAEMON_SETS.key: PODS,
    JOBS.key: PODS,
    CRON_JOBS.key: JOBS,
}
_POLICIES = ("Background", "Foreground", "Orphan")


class Deleter:
    """Deletes objects of one cluster. Call its methods under the world's lock.

    They raise Refused, or a KubernetesError of the world.
    """

    def __init__(self, world: World, cluster: Cluster) -> None:
        self._world = world
        self._store = cluster.kube
        self._api = world.kube(cluster)

    def delete(self, asked: Asked, kind: Kind) -> Answer:
        """One object."""
        resource = kind.served.stored
        stored = self._store.get(resource, asked.namespace or "", asked.name)
        options = read_delete_options(asked, read_body(asked))
        _check_preconditions(resource, stored, options)
        if "dryRun" in options:
            return render_object(asked, kind, stored, self._world.now)
        remains = self.remove(resource, stored, options)
        if remains is not None or resource.key == PODS.key:
            return render_object(asked, kind, remains or stored, self._world.now)
        details = Subject(resource, asked.name).details()
        return as_json(success({**details, "uid": stored["metadata"]["uid"]}))

    def delete_collection(self, asked: Asked, kind: Kind) -> Answer:
        """All objects that the selectors choose."""
        resource = kind.served.stored
        matches = select(asked, kind.served)
        options = read_delete_options(asked, read_body(asked))
        chosen = [item for item in self._store.list(resource, asked.namespace) if matches is None or matches(item)]
        if "dryRun" not in options:
            for item in chosen:
                self.remove(resource, item, options)
        return as_json(
            {
                "kind": f"{resource.kind}List",
                "apiVersion": kind.served.resource.api_version,
                "metadata": {"resourceVersion": str(self._store.resource_version)},
                "items": [kind.in_list(item) for item in chosen],
            }
        )

    def remove(self, resource: Resource, stored: Json, options: Json) -> Json | None:
        """Deletes an object, or marks it when it has to wait. Gives what remains of it."""
        metadata = stored["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        if options.get("propagationPolicy") == "Orphan":
            self._orphan(resource, stored)
        if metadata.get("finalizers"):
            return self._mark(resource, stored)
        self._api.delete(resource, namespace, name, grace_seconds=options["gracePeriodSeconds"])
        return self._store.find(resource, namespace, name)

    def _mark(self, resource: Resource, stored: Json) -> Json:
        """The object waits for those who put finalizers on it."""
        marks = {"deletionTimestamp": timestamp(self._world.now), "deletionGracePeriodSeconds": 0}
        return self._api.replace(resource, {**stored, "metadata": {**marks, **stored["metadata"]}})

    def _orphan(self, resource: Resource, stored: Json) -> None:
        """Takes the owner reference off everything that this object owns, so that it stays."""
        dependent = _DEPENDENTS.get(resource.key)
        if dependent is None:
            return
        uid, namespace = stored["metadata"]["uid"], stored["metadata"].get("namespace", "")

        def forget(wanted: Json) -> None:
            owners = wanted["metadata"]["ownerReferences"]
            wanted["metadata"]["ownerReferences"] = [owner for owner in owners if owner["uid"] != uid]

        for item in self._store.list(dependent, namespace):
            if any(owner["uid"] == uid for owner in item["metadata"].get("ownerReferences") or ()):
                self._store.edit(dependent, namespace, item["metadata"]["name"], forget)


def read_delete_options(asked: Asked, options: Json) -> Json:
    """DeleteOptions as given or, where they say nothing, of the query; `dryRun` is there only when it is asked for.

    Raises Refused (400).
    """
    grace = options["gracePeriodSeconds"] if "gracePeriodSeconds" in options else asked.number("gracePeriodSeconds")
    policy = options.get("propagationPolicy") or asked.query.get("propagationPolicy") or "Background"
    if options.get("orphanDependents"):
        policy = "Orphan"
    if policy not in _POLICIES:
        raise bad_request(f'propagationPolicy: Unsupported value: "{policy}": supported values: {", ".join(_POLICIES)}')
    if grace is not None and (not isinstance(grace, int) or grace < 0):
        raise bad_request(f"gracePeriodSeconds: Invalid value: {grace}: must be greater than or equal to 0")
    dry_run = options.get("dryRun")
    if dry_run not in (None, [], ["All"]):
        raise bad_request('dryRun: Unsupported value: supported values: "All"')
    return {
        "gracePeriodSeconds": grace,
        "propagationPolicy": policy,
        "preconditions": options.get("preconditions") or {},
        **({"dryRun": ["All"]} if dry_run or asked.dry_run else {}),
    }


def _check_preconditions(resource: Resource, stored: Json, options: Json) -> None:
    for name, told in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        wanted, present = options["preconditions"].get(name), stored["metadata"][name]
        if wanted and wanted != present:
            subject = Subject(resource, stored["metadata"]["name"])
            message = (
                f'Operation cannot be fulfilled on {subject.qualified} "{subject.name}": Precondition failed: '
                f"{told} in precondition: {wanted}, {told} in object meta: {present}"
            )
            raise Refused(409, "Conflict", message, subject.details())
