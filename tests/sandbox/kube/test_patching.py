"""Patches by content type."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.kube.patching import json_patch, merge_patch, strategic_merge_patch
from sandbox.kube.status import Refused

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.text("abc", min_size=1, max_size=2), JSON, max_size=4)


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"op": "add", "path": "/b", "value": 2}, {"a": [1, 2], "b": 2}),
        ({"op": "add", "path": "/a/0", "value": 0}, {"a": [0, 1, 2]}),
        ({"op": "add", "path": "/a/-", "value": 3}, {"a": [1, 2, 3]}),
        ({"op": "replace", "path": "/a/1", "value": 9}, {"a": [1, 9]}),
        ({"op": "remove", "path": "/a/0"}, {"a": [2]}),
        ({"op": "copy", "from": "/a/0", "path": "/c"}, {"a": [1, 2], "c": 1}),
        ({"op": "move", "from": "/a", "path": "/d~1e"}, {"d/e": [1, 2]}),
        ({"op": "test", "path": "/a/0", "value": 1}, {"a": [1, 2]}),
    ],
)
def test_json_patch_operations_follow_the_rfc(operation: dict[str, Any], expected: dict[str, Any]) -> None:
    assert json_patch({"a": [1, 2]}, [operation]) == expected


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ({"op": "remove", "path": "/zz"}, 422),
        ({"op": "replace", "path": "/zz", "value": 1}, 422),
        ({"op": "replace", "path": "/a/7", "value": 1}, 422),
        ({"op": "test", "path": "/a/0", "value": 5}, 422),
        ({"op": "add", "path": "/a/x", "value": 1}, 422),
        ({"op": "add", "path": "/a"}, 400),
        ({"op": "jump", "path": "/a"}, 400),
        ({"path": "/a"}, 400),
        ("remove", 400),
        ({"op": "remove", "path": "a"}, 400),
    ],
)
def test_a_json_patch_that_does_not_apply_is_refused_and_changes_nothing(operation: Any, code: int) -> None:
    document = {"a": [1, 2]}

    with pytest.raises(Refused) as refused:
        json_patch(document, [{"op": "add", "path": "/a/-", "value": 3}, operation])

    assert refused.value.code == code
    assert document == {"a": [1, 2]}


def test_merge_patch_deletes_with_null_and_replaces_lists() -> None:
    document = {"metadata": {"labels": {"a": "1", "b": "2"}}, "list": [1, 2]}

    patched = merge_patch(document, {"metadata": {"labels": {"a": None, "c": "3"}}, "list": [9]})

    assert patched == {"metadata": {"labels": {"b": "2", "c": "3"}}, "list": [9]}


def test_strategic_merge_updates_a_container_by_name_and_keeps_the_others() -> None:
    spec = {
        "containers": [
            {"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}]},
            {"name": "b", "image": "b:1"},
        ]
    }

    patched = strategic_merge_patch(
        spec, {"containers": [{"name": "a", "image": "a:2", "env": [{"name": "Y", "value": "2"}]}]}
    )

    assert patched["containers"] == [
        {"name": "a", "image": "a:2", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]},
        {"name": "b", "image": "b:1"},
    ]


def test_strategic_merge_keeps_taints_of_the_same_key_and_another_effect() -> None:
    spec = {"taints": [{"key": "k", "effect": "NoSchedule", "value": "1"}, {"key": "k", "effect": "NoExecute"}]}

    patched = strategic_merge_patch(spec, {"taints": [{"key": "k", "effect": "NoSchedule", "value": "2"}]})

    assert patched["taints"] == [
        {"key": "k", "effect": "NoSchedule", "value": "2"},
        {"key": "k", "effect": "NoExecute"},
    ]


def test_strategic_merge_sets_one_condition_and_leaves_the_rest() -> None:
    status = {"conditions": [{"type": "Ready", "status": "True"}, {"type": "DiskPressure", "status": "False"}]}

    patched = strategic_merge_patch(status, {"conditions": [{"type": "Ready", "status": "False"}]})

    assert patched["conditions"] == [{"type": "Ready", "status": "False"}, {"type": "DiskPressure", "status": "False"}]


def test_strategic_merge_replaces_tolerations_whole() -> None:
    patched = strategic_merge_patch({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "b"}]})

    assert patched == {"tolerations": [{"key": "b"}]}


def test_strategic_merge_follows_its_directives() -> None:
    document = {"containers": [{"name": "a"}, {"name": "b"}], "finalizers": ["x", "y"], "selector": {"a": "1"}}

    patched = strategic_merge_patch(
        document,
        {
            "containers": [{"name": "a", "$patch": "delete"}],
            "$deleteFromPrimitiveList/finalizers": ["x"],
            "selector": {"$patch": "replace", "b": "2"},
        },
    )

    assert patched == {"containers": [{"name": "b"}], "finalizers": ["y"], "selector": {"b": "2"}}


@given(OBJECTS, OBJECTS)
def test_patching_never_changes_its_arguments(document: dict[str, Any], patch: dict[str, Any]) -> None:
    before = copy.deepcopy((document, patch))

    merge_patch(document, patch)
    strategic_merge_patch(document, patch)

    assert (document, patch) == before


@given(OBJECTS, OBJECTS)
def test_a_merge_patch_applied_twice_changes_nothing_more(document: dict[str, Any], patch: dict[str, Any]) -> None:
    once = merge_patch(document, patch)

    assert merge_patch(once, patch) == once
