"""POST, PUT and PATCH on objects and on their status."""

from __future__ import annotations

from sandbox.kube import patching
from sandbox.kube.answers import Answer
from sandbox.kube.bodies import check_object, check_types, decode, read_object, without_nulls
from sandbox.kube.defaults import filled_in, new_object
from sandbox.kube.managed_fields import noted
from sandbox.kube.reading import Kind, render_object
from sandbox.kube.requests import Asked
from sandbox.kube.status import Cause, Refused, Subject, bad_request, invalid, not_found
from sandbox.world.model import Cluster
from sandbox.world.objects import NAMESPACES, Json, Resource
from sandbox.world.world import World

_CONTROLLED_BY_SERVER = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")
_IMMUTABLE: dict[str, tuple[str, ...]] = {
    "Deployment": ("selector",),
    "DaemonSet": ("selector",),
    "StatefulSet": ("selector", "serviceName", "podManagementPolicy"),
    "ReplicaSet": ("selector",),
    "Job": ("selector", "template", "completions"),
    "Pod": ("nodeName", "restartPolicy", "serviceAccountName"),
    "Node": ("providerID",),
}


class Writer:
    """Creates and changes objects of one cluster. Call its methods under the world's lock.

    They raise Refused, or a KubernetesError of the world.
    """

    def __init__(self, world: World, cluster: Cluster) -> None:
        self._world = world
        self._cluster = cluster
        self._store = cluster.kube
        self._api = world.kube(cluster)

    # --- create -------------------------------------------------------------------------------------------------------

    def create(self, asked: Asked, kind: Kind) -> Answer:
        resource = kind.served.resource
        wanted = read_object(asked, resource)
        if wanted["metadata"].get("resourceVersion"):
            raise bad_request("resourceVersion should not be set on objects to be created")
        return self._store_new(asked, kind, wanted)

    def _store_new(self, asked: Asked, kind: Kind, wanted: Json) -> Answer:
        resource = kind.served.resource
        wanted = without_nulls(wanted)
        check_types(resource, wanted)
        metadata = wanted["metadata"]
        if not metadata.get("name") and metadata.get("generateName"):
            words = ("generate-name", self._cluster.key, metadata["generateName"], self._store.resource_version)
            metadata["name"] = metadata["generateName"] + self._world.draws.letters(5, *words)
        check_object(resource, wanted)
        if resource.namespaced:
            self._check_namespace(asked, resource)
        filled = new_object(resource.kind, wanted)
        filled["metadata"]["managedFields"] = noted([], asked, resource.api_version, self._world.now)
        if asked.dry_run:
            self._refuse_existing(resource, filled["metadata"]["name"], asked.namespace or "")
        stored = self._api.create(kind.served.stored, filled, dry_run=asked.dry_run)
        return render_object(asked, kind, kind.complete(stored, self._store.resource_version), self._world.now, 201)

    def _check_namespace(self, asked: Asked, resource: Resource) -> None:
        namespace = self._store.find(NAMESPACES, "", asked.namespace or "")
        if namespace is None:
            raise not_found(NAMESPACES, asked.namespace or "")
        if namespace["metadata"].get("deletionTimestamp"):
            message = (
                f"{Subject(resource).qualified} is forbidden: unable to create new content in namespace "
                f"{asked.namespace} because it is being terminated"
            )
            raise Refused(403, "Forbidden", message, Subject(resource).details())

    def _refuse_existing(self, resource: Resource, name: str, namespace: str) -> None:
        """A dry run too says that the name is taken."""
        if self._store.find(resource, namespace, name) is not None:
            subject = Subject(resource, name)
            raise Refused(409, "AlreadyExists", f'{subject.qualified} "{name}" already exists', subject.details())

    # --- change -------------------------------------------------------------------------------------------------------

    def update(self, asked: Asked, kind: Kind) -> Answer:
        resource = kind.served.resource
        wanted = read_object(asked, resource)
        if wanted["metadata"].get("name", asked.name) != asked.name:
            name = wanted["metadata"]["name"]
            raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({asked.name})")
        wanted["metadata"]["name"] = asked.name
        stored = self._store.get(resource, asked.namespace or "", asked.name)
        return self._store_changed(asked, kind, stored, wanted)

    def patch(self, asked: Asked, kind: Kind) -> Answer:
        resource = kind.served.resource
        stored = self._store.find(resource, asked.namespace or "", asked.name)
        content_type = asked.content_type.split(";")[0].strip()
        if content_type == patching.APPLY_PATCH:
            if not asked.query.get("fieldManager"):
                raise bad_request("PatchOptions.meta.k8s.io is invalid: fieldManager: Required value: needed to apply")
            applied = read_object(asked, resource)
            applied["metadata"]["name"] = asked.name
            if stored is None:
                return self._store_new(asked, kind, applied)
            applied["metadata"].pop("managedFields", None)
            return self._store_changed(
                asked, kind, stored, patching.strategic_merge_patch(kind.dressed(stored), applied)
            )
        if stored is None:
            raise not_found(resource, asked.name)
        patched = self._patched(asked, kind, kind.dressed(stored), content_type)
        return self._store_changed(asked, kind, stored, patched)

    def _patched(self, asked: Asked, kind: Kind, stored: Json, content_type: str) -> Json:
        patch = decode(asked.body, content_type)
        if content_type == patching.JSON_PATCH:
            return patching.json_patch(stored, patch)
        if not isinstance(patch, dict):
            raise bad_request("the patch is not an object")
        if content_type == patching.MERGE_PATCH:
            merged: Json = patching.merge_patch(stored, patch)
        elif content_type == patching.STRATEGIC_MERGE_PATCH and not kind.custom:
            merged = patching.strategic_merge_patch(stored, patch)
        else:
            raise Refused(
                415,
                "UnsupportedMediaType",
                "the body of the request was in an unknown format - accepted media types include: "
                f"{', '.join(patching.CONTENT_TYPES)}",
                {},
            )
        return merged

    def _store_changed(self, asked: Asked, kind: Kind, stored: Json, wanted: Json) -> Answer:
        """Stores the new state of an existing object, or shows it for a dry run."""
        resource = kind.served.resource
        if not isinstance(wanted.get("metadata"), dict) or wanted["metadata"].get("name") != asked.name:
            raise bad_request("metadata.name: Invalid value: field is immutable")
        uid = wanted["metadata"].get("uid")
        if uid and uid != stored["metadata"]["uid"]:
            message = (
                f'Operation cannot be fulfilled on {Subject(resource).qualified} "{asked.name}": Precondition failed: '
                f"UID in precondition: {uid}, UID in object meta: {stored['metadata']['uid']}"
            )
            raise Refused(409, "Conflict", message, Subject(resource, asked.name).details())
        settled = self._settled(asked, stored, without_nulls(wanted))
        check_types(resource, settled)
        check_object(resource, settled)
        settled = filled_in(resource.kind, settled)
        _check_immutable(resource, asked.name, stored, settled)
        of_status = asked.subresource == "status"
        changed = self._api.replace(kind.served.stored, settled, status_only=of_status, dry_run=asked.dry_run)
        if not asked.dry_run:
            changed = self._collected(kind.served.stored, changed)
        return render_object(asked, kind, changed, self._world.now)

    def _settled(self, asked: Asked, stored: Json, wanted: Json) -> Json:
        """The wanted state with what clients cannot change as it is stored."""
        before = stored["metadata"]
        kept = {name: before[name] for name in _CONTROLLED_BY_SERVER if name in before}
        metadata = {name: value for name, value in wanted["metadata"].items() if name not in _CONTROLLED_BY_SERVER}
        writers = before.get("managedFields", [])
        metadata["managedFields"] = noted(writers, asked, f"{asked.group}/{asked.version}".strip("/"), self._world.now)
        settled = {**wanted, "metadata": {**metadata, **kept}}
        if asked.subresource == "status":
            return {**stored, "status": wanted.get("status", {}), "metadata": settled["metadata"]}
        return settled

    def _collected(self, resource: Resource, changed: Json) -> Json:
        """An object that waited for its finalizers goes when the last one is taken away."""
        metadata = changed["metadata"]
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers") and resource.kind != "Pod":
            return self._api.delete(resource, metadata.get("namespace", ""), metadata["name"])
        return changed


def _check_immutable(resource: Resource, name: str, stored: Json, wanted: Json) -> None:
    """Raises Refused (422) when a field changes that is set once for all."""
    before, after = stored.get("spec") or {}, wanted.get("spec") or {}
    causes = [
        Cause("FieldValueInvalid", f"Invalid value: {after.get(field)!r}: field is immutable", f"spec.{field}")
        for field in _IMMUTABLE.get(resource.kind, ())
        if before.get(field) is not None and before.get(field) != after.get(field)
    ]
    if causes:
        raise invalid(resource, name, causes)
