"""Watches tell each change once, in order, as far as the selectors go."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3
from kubernetes import watch
from kubernetes.client.exceptions import ApiException

from tests.sandbox.kube.conftest import Api

SHOP = "/api/v1/namespaces/shop"


class Stream:
    """An open watch; `next()` waits for one event."""

    def __init__(self, api: Api, path: str, accept: str = "application/json") -> None:
        headers = {"Authorization": f"Bearer {api.token}", "Accept": accept}
        self.response: urllib3.BaseHTTPResponse = api._pool.request(
            "GET", api.cluster.endpoint + path, headers=headers, preload_content=False
        )
        self._lines = self._read()

    def _read(self) -> Iterator[Any]:
        pending = b""
        for chunk in self.response.stream(amt=65536):
            *lines, pending = (pending + chunk).split(b"\n")
            yield from map(json.loads, lines)

    def next(self) -> Any:
        return next(self._lines)

    def rest(self) -> list[Any]:
        return list(self._lines)

    def close(self) -> None:
        self.response.close()


def put(api: Api, name: str, color: str) -> None:
    body = {"metadata": {"name": name, "labels": {"color": color}}}
    if api.call("POST", f"{SHOP}/configmaps", body).code == 409:
        api.call("PATCH", f"{SHOP}/configmaps/{name}", body, content_type="application/merge-patch+json")


def follow(list_objects: Any, *arguments: Any, **options: Any) -> Iterator[Any]:
    """The Kubernetes client's own watch."""
    watching: Any = watch.Watch
    found: Iterator[Any] = watching().stream(list_objects, *arguments, **options)
    return found


def told(event: Any) -> tuple[str, str]:
    return event["type"], event["object"]["metadata"]["name"]


def test_a_watch_from_a_list_tells_what_came_after_it(api: Api) -> None:
    put(api, "before", "red")
    version = api.get(f"{SHOP}/configmaps")["metadata"]["resourceVersion"]
    stream = Stream(api, f"{SHOP}/configmaps?watch=1&resourceVersion={version}")

    put(api, "a", "red")
    assert told(stream.next()) == ("ADDED", "a")
    put(api, "a", "blue")
    event = stream.next()
    assert told(event) == ("MODIFIED", "a")
    assert event["object"]["kind"] == "ConfigMap"
    api.call("DELETE", f"{SHOP}/configmaps/a")
    assert told(stream.next()) == ("DELETED", "a")
    stream.close()


def test_a_watch_without_a_version_begins_with_what_is_there(api: Api) -> None:
    put(api, "a", "red")
    stream = Stream(api, f"{SHOP}/configmaps?watch=true&labelSelector=color=red&timeoutSeconds=1")

    assert told(stream.next()) == ("ADDED", "a")
    put(api, "b", "red")
    assert told(stream.next()) == ("ADDED", "b")
    assert stream.rest() == []


def test_what_leaves_the_selection_is_told_as_deleted(api: Api) -> None:
    put(api, "a", "red")
    stream = Stream(api, f"{SHOP}/configmaps?watch=1&labelSelector=color=red")
    assert told(stream.next()) == ("ADDED", "a")

    put(api, "a", "blue")
    assert told(stream.next()) == ("DELETED", "a")
    put(api, "a", "red")
    assert told(stream.next()) == ("ADDED", "a")
    stream.close()


def test_other_namespaces_and_kinds_are_not_told(api: Api) -> None:
    version = api.get(f"{SHOP}/configmaps")["metadata"]["resourceVersion"]
    stream = Stream(api, f"{SHOP}/configmaps?watch=1&resourceVersion={version}")

    api.call("POST", "/api/v1/namespaces/batch/configmaps", {"metadata": {"name": "elsewhere"}})
    api.call("POST", f"{SHOP}/secrets", {"metadata": {"name": "another-kind"}})
    put(api, "mine", "red")

    assert told(stream.next()) == ("ADDED", "mine")
    stream.close()


def test_an_initial_list_ends_with_its_bookmark(api: Api) -> None:
    put(api, "a", "red")
    query = (
        "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&labelSelector=color"
    )

    stream = Stream(api, f"{SHOP}/configmaps?{query}")

    assert told(stream.next()) == ("ADDED", "a")
    mark = stream.next()
    assert mark["type"] == "BOOKMARK"
    assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert int(mark["object"]["metadata"]["resourceVersion"]) == api.cluster.kube.resource_version
    stream.close()


def test_a_watch_from_before_compaction_ends_with_410(api: Api) -> None:
    version = api.get(f"{SHOP}/configmaps")["metadata"]["resourceVersion"]
    put(api, "a", "red")
    api.face.compact(api.cluster)

    [event] = Stream(api, f"{SHOP}/configmaps?watch=1&resourceVersion={version}").rest()

    assert event["type"] == "ERROR"
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
    core = api.client("CoreV1Api")
    with pytest.raises(ApiException) as gone:
        list(follow(core.list_namespaced_config_map, "shop", resource_version=version))
    assert gone.value.status == 410


def test_the_client_s_watch_follows_a_pod_from_deletion_to_its_end(api: Api) -> None:
    core = api.client("CoreV1Api")
    pods = core.list_namespaced_pod("shop", label_selector="app=search")
    name = pods.items[0].metadata.name
    api.call("DELETE", f"{SHOP}/pods/{name}")
    api.pass_time(minutes=2)

    query = {"field_selector": f"metadata.name={name}", "resource_version": pods.metadata.resource_version}
    seen = [event["type"] for event in follow(core.list_namespaced_pod, "shop", timeout_seconds=1, **query)]

    assert seen[0] == "MODIFIED"
    assert seen.count("DELETED") == 1
    assert seen[seen.index("DELETED") + 1] == "ADDED"


def test_a_watched_table_tells_its_columns_once(api: Api) -> None:
    put(api, "a", "red")
    stream = Stream(api, f"{SHOP}/configmaps?watch=1", "application/json;as=Table;v=v1;g=meta.k8s.io")
    put(api, "b", "red")

    first, second = stream.next()["object"], stream.next()["object"]

    assert (first["kind"], first["rows"][0]["cells"][0]) == ("Table", "a")
    assert [column["name"] for column in first["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert (second["columnDefinitions"], second["rows"][0]["cells"][0]) == (None, "b")
    stream.close()


@pytest.mark.parametrize("query", ["fieldSelector=spec.x=1", "timeoutSeconds=soon", "sendInitialEvents=true"])
def test_a_watch_that_cannot_be_honoured_is_refused_before_it_begins(api: Api, query: str) -> None:
    assert api.call("GET", f"{SHOP}/configmaps?watch=1&{query}").code == 400


def test_stopping_the_face_ends_its_watches(api: Api) -> None:
    stream = Stream(api, f"{SHOP}/configmaps?watch=1&resourceVersion={api.cluster.kube.resource_version}")

    api.face.stop()

    with pytest.raises((urllib3.exceptions.HTTPError, StopIteration)):
        stream.next()
