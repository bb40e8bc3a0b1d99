"""Selectors are honoured in full or refused; they are never ignored."""

from __future__ import annotations

import pytest

from sandbox.kube.selectors import field_selector, label_selector
from sandbox.kube.status import Refused
from sandbox.world.objects import EVENTS, NODES, PODS, Json


def with_labels(**labels: str) -> Json:
    return {"metadata": {"name": "x", "labels": labels}}


@pytest.mark.parametrize(
    ("selector", "labels", "chosen"),
    [
        ("app=web", {"app": "web"}, True),
        ("app==web", {"app": "web"}, True),
        ("app=web", {"app": "db"}, False),
        ("app=web", {}, False),
        ("app!=web", {}, True),
        ("app!=web", {"app": "web"}, False),
        ("app in (web, db)", {"app": "db"}, True),
        ("app in (web,db)", {}, False),
        ("app notin (web,db)", {"app": "cache"}, True),
        ("app notin (web)", {}, True),
        ("app", {"app": "anything"}, True),
        ("app", {}, False),
        ("!app", {}, True),
        ("!app", {"app": "web"}, False),
        ("app=web,tier in (a,b),!old", {"app": "web", "tier": "b"}, True),
        ("app=web,tier in (a,b),!old", {"app": "web", "tier": "b", "old": "1"}, False),
        ("generation>3", {"generation": "4"}, True),
        ("generation>3", {"generation": "3"}, False),
        ("generation<3", {"generation": "x"}, False),
        ("app=", {"app": ""}, True),
    ],
)
def test_label_selectors_choose_as_kubernetes_does(selector: str, labels: dict[str, str], chosen: bool) -> None:
    matches = label_selector(selector)

    assert matches is not None
    assert matches(with_labels(**labels)) is chosen


@pytest.mark.parametrize(
    "selector", ["app=a b", "a=b=c", "app in web", "=x", "app in (a", "-x=1", "generation>many", "a,,b"]
)
def test_a_label_selector_that_cannot_be_parsed_is_refused(selector: str) -> None:
    with pytest.raises(Refused) as refused:
        label_selector(selector)

    assert (refused.value.code, refused.value.reason) == (400, "BadRequest")


POD: Json = {
    "metadata": {"name": "web-1", "namespace": "shop"},
    "spec": {"nodeName": "node-1"},
    "status": {"phase": "Running"},
}


@pytest.mark.parametrize(
    ("selector", "chosen"),
    [
        ("spec.nodeName=node-1", True),
        ("spec.nodeName=node-2", False),
        ("spec.nodeName=node-1,status.phase!=Running", False),
        ("status.phase!=Failed,status.phase!=Succeeded", True),
        ("metadata.name=web-1,metadata.namespace=shop", True),
        ("status.nominatedNodeName=", True),
        ("spec.hostNetwork=false", True),
    ],
)
def test_field_selectors_choose_by_the_fields_of_a_pod(selector: str, chosen: bool) -> None:
    matches = field_selector(selector, PODS)

    assert matches is not None
    assert matches(POD) is chosen


def test_cordoned_nodes_are_found_by_a_boolean_field() -> None:
    matches = field_selector("spec.unschedulable=true", NODES)

    assert matches is not None
    assert matches({"metadata": {"name": "a"}, "spec": {"unschedulable": True}})
    assert not matches({"metadata": {"name": "b"}, "spec": {}})


def test_events_are_found_by_the_object_that_they_are_about() -> None:
    matches = field_selector("involvedObject.kind=Pod,involvedObject.name=web-1", EVENTS)

    assert matches is not None
    assert matches({"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "web-1"}})
    assert not matches({"metadata": {"name": "e"}, "involvedObject": {"kind": "Node", "name": "web-1"}})


@pytest.mark.parametrize("selector", ["spec.color=red", "status.phase", "spec.nodeName>x"])
def test_a_field_that_a_kind_does_not_offer_is_refused(selector: str) -> None:
    with pytest.raises(Refused) as refused:
        field_selector(selector, PODS)

    assert refused.value.code == 400


def test_no_selector_chooses_everything() -> None:
    assert label_selector("") is None
    assert field_selector("", PODS) is None
