"""EndpointSlices: one a service with a selector, always as the pods are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.world import manifests
from sandbox.world.objects import ENDPOINT_SLICES, PODS, SERVICES, Json

if TYPE_CHECKING:
    from sandbox.world.controllers import Controllers

SERVICE_LABEL = "kubernetes.io/service-name"


class Endpoints:
    """Keeps the endpoint slices of services true."""

    def __init__(self, controllers: Controllers) -> None:
        self._controllers = controllers

    def bring_up_to_date(self, namespace: str) -> None:
        store = self._controllers.store
        services = [found for found in store.list(SERVICES, namespace) if found["spec"].get("selector")]
        if not services:
            return
        pods = [pod for pod in store.list(PODS, namespace) if pod["status"].get("podIP")]
        for service in services:
            wanted = self._slice(service, pods)
            if store.find(ENDPOINT_SLICES, namespace, wanted["metadata"]["name"]):
                store.replace(ENDPOINT_SLICES, wanted)
            else:
                store.create(ENDPOINT_SLICES, wanted)

    def _slice(self, service: Json, pods: list[Json]) -> Json:
        metadata = service["metadata"]
        selector = service["spec"]["selector"].items()
        suffix = self._controllers.world.draws.letters(5, "slice", metadata["uid"])
        return {
            "metadata": {
                "name": f"{metadata['name']}-{suffix}",
                "namespace": metadata["namespace"],
                "labels": {SERVICE_LABEL: metadata["name"]},
                "ownerReferences": [manifests.owner_reference(service)],
            },
            "addressType": "IPv4",
            "endpoints": [_endpoint(pod) for pod in pods if selector <= pod["metadata"].get("labels", {}).items()],
            "ports": [
                {"name": port.get("name", ""), "port": port["port"], "protocol": port.get("protocol", "TCP")}
                for port in service["spec"].get("ports") or []
            ],
        }


def _endpoint(pod: Json) -> Json:
    terminating = "deletionTimestamp" in pod["metadata"]
    ready = manifests.is_true(pod, "Ready")
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready and not terminating, "serving": ready, "terminating": terminating},
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": {
            "kind": "Pod",
            "name": pod["metadata"]["name"],
            "namespace": pod["metadata"]["namespace"],
            "uid": pod["metadata"]["uid"],
        },
    }
