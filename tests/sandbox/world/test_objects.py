"""The object store: versions, conflicts, the change log."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.world import objects
from sandbox.world.errors import ObjectConflict, ObjectExists, ObjectNotFound, WatchExpired
from sandbox.world.objects import CONFIG_MAPS, NODES, PODS, Json, ObjectStore

NOW = datetime(2026, 11, 17, 9, tzinfo=UTC)


def store() -> ObjectStore:
    return ObjectStore(lambda: NOW, lambda count: f"uid-{count}")


def config_map(name: str, value: str = "1") -> Json:
    return {"metadata": {"name": name, "namespace": "default"}, "data": {"key": value}}


def test_created_object_gets_what_the_api_server_gives() -> None:
    made = store().create(NODES, {"metadata": {"name": "n"}, "spec": {}})
    assert made == {
        "apiVersion": "v1",
        "kind": "Node",
        "spec": {},
        "metadata": {
            "name": "n",
            "uid": "uid-1",
            "creationTimestamp": "2026-11-17T09:00:00Z",
            "resourceVersion": "1001",
            "generation": 1,
        },
    }


def test_name_is_taken_only_once() -> None:
    kept = store()
    kept.create(CONFIG_MAPS, config_map("a"))
    with pytest.raises(ObjectExists, match='configmaps "a" already exists'):
        kept.create(CONFIG_MAPS, config_map("a"))
    with pytest.raises(ObjectNotFound, match='configmaps "b" not found'):
        kept.get(CONFIG_MAPS, "default", "b")


def test_stale_writer_is_told() -> None:
    kept = store()
    first = kept.create(CONFIG_MAPS, config_map("a"))
    kept.replace(CONFIG_MAPS, {**first, "data": {"key": "2"}})
    with pytest.raises(ObjectConflict, match="the object has been modified"):
        kept.replace(CONFIG_MAPS, {**first, "data": {"key": "3"}})
    assert kept.get(CONFIG_MAPS, "default", "a")["data"] == {"key": "2"}


def test_same_content_changes_nothing() -> None:
    kept = store()
    made = kept.create(CONFIG_MAPS, config_map("a"))
    assert kept.replace(CONFIG_MAPS, config_map("a")) is made
    assert len([*kept.changes_since(0)]) == 1


def test_generation_follows_the_spec_only() -> None:
    kept = store()
    kept.create(NODES, {"metadata": {"name": "n"}, "spec": {}})
    labelled = kept.edit(NODES, "", "n", lambda node: node["metadata"].update(labels={"a": "b"}))
    assert labelled["metadata"]["generation"] == 1
    cordoned = kept.edit(NODES, "", "n", lambda node: node["spec"].update(unschedulable=True))
    assert cordoned["metadata"]["generation"] == 2


def test_status_only_leaves_the_rest() -> None:
    kept = store()
    kept.create(NODES, {"metadata": {"name": "n"}, "spec": {"a": 1}})
    wanted = {"metadata": {"name": "n"}, "spec": {"a": 2}, "status": {"b": 3}}
    stored = kept.replace(NODES, wanted, status_only=True)
    assert (stored["spec"], stored["status"]) == ({"a": 1}, {"b": 3})


def test_writers_cannot_change_who_an_object_is() -> None:
    kept = store()
    made = kept.create(NODES, {"metadata": {"name": "n"}, "spec": {}})
    forged = {"metadata": {"name": "n", "uid": "x", "creationTimestamp": "y"}, "spec": {"z": 1}}
    stored = kept.replace(NODES, forged)
    assert stored["metadata"]["uid"] == made["metadata"]["uid"]
    assert stored["metadata"]["creationTimestamp"] == made["metadata"]["creationTimestamp"]


def test_what_was_given_out_never_changes() -> None:
    kept = store()
    made = kept.create(NODES, {"metadata": {"name": "n"}, "spec": {}})
    copy = objects.copy_json(made)
    kept.edit(NODES, "", "n", lambda node: node["spec"].update(unschedulable=True))
    assert made == copy


def test_change_log_tells_each_change_of_a_kind_in_order() -> None:
    kept = store()
    first = kept.create(CONFIG_MAPS, config_map("a"))
    kept.create(NODES, {"metadata": {"name": "n"}, "spec": {}})
    kept.edit(CONFIG_MAPS, "default", "a", lambda found: found["data"].update(key="2"))
    kept.delete(CONFIG_MAPS, "default", "a")
    changes = [*kept.changes_since(int(first["metadata"]["resourceVersion"]), CONFIG_MAPS, "default")]
    assert [change.type for change in changes] == ["MODIFIED", "DELETED"]
    assert changes[0].before == first
    assert changes[1].object["data"] == {"key": "2"}
    versions = [change.resource_version for change in changes]
    assert versions == sorted(versions)
    assert changes[1].object["metadata"]["resourceVersion"] == str(versions[1])
    assert not [*kept.changes_since(versions[1])]
    assert not [*kept.changes_since(0, CONFIG_MAPS, "other")]


def test_watch_from_before_the_log_is_told_to_list_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "CHANGE_LOG_LENGTH", 3)
    kept = store()
    for number in range(5):
        kept.create(CONFIG_MAPS, config_map(f"c{number}"))
    with pytest.raises(WatchExpired, match="too old resource version: 1001"):
        kept.changes_since(1001)
    assert len([*kept.changes_since(1002)]) == 3


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["create", "edit", "delete"])), max_size=30))
def test_log_replayed_gives_the_store(steps: list[tuple[str, str]]) -> None:
    kept = store()
    for number, (name, verb) in enumerate(steps):
        there = kept.find(CONFIG_MAPS, "default", name) is not None
        if verb == "create" and not there:
            kept.create(CONFIG_MAPS, config_map(name))
        elif verb == "edit" and there:
            kept.edit(CONFIG_MAPS, "default", name, lambda found, number=number: found["data"].update(key=str(number)))  # type: ignore[misc]
        elif verb == "delete" and there:
            kept.delete(CONFIG_MAPS, "default", name)
    replayed: dict[str, Json] = {}
    last = 1000
    for change in kept.changes_since(1000):
        assert change.resource_version == last + 1
        last = change.resource_version
        if change.type == "DELETED":
            del replayed[change.object["metadata"]["name"]]
        else:
            replayed[change.object["metadata"]["name"]] = change.object
    assert replayed == {found["metadata"]["name"]: found for found in kept.list(CONFIG_MAPS)}
    assert kept.list(PODS) == []
