"""Updates over the wire: tokens, one at a time, what EKS refuses, pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.aws.face import AwsFace
from sandbox.scenario import AddonDegrades, GroupsMustMatch
from sandbox.world.world import World

PassTime = Callable[..., None]


def test_a_control_plane_goes_one_minor_up_and_says_so_all_the_way(eks: Any, pass_time: PassTime) -> None:
    update = eks.update_cluster_version(name="prod-eu", version="1.35", clientRequestToken="t1")["update"]
    assert (update["status"], update["type"]) == ("InProgress", "VersionUpdate")
    assert {"type": "Version", "value": "1.35"} in update["params"]
    assert eks.describe_cluster(name="prod-eu")["cluster"]["status"] == "UPDATING"
    pass_time(minutes=16)
    assert eks.describe_update(name="prod-eu", updateId=update["id"])["update"]["status"] == "Successful"
    cluster = eks.describe_cluster(name="prod-eu")["cluster"]
    assert (cluster["version"], cluster["status"]) == ("1.35", "ACTIVE")


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("update_cluster_version", {"name": "prod-eu", "version": "1.35"}),
        ("update_addon", {"clusterName": "prod-eu", "addonName": "coredns"}),
        ("update_nodegroup_version", {"clusterName": "prod-eu", "nodegroupName": "core"}),
    ],
)
def test_the_same_token_gives_the_same_update_and_one_effect(
    eks: Any, face: AwsFace, pass_time: PassTime, operation: str, parameters: dict[str, Any]
) -> None:
    first = getattr(eks, operation)(**parameters, clientRequestToken="t1")["update"]
    again = getattr(eks, operation)(**parameters, clientRequestToken="t1")["update"]
    pass_time(hours=3)
    much_later = getattr(eks, operation)(**parameters, clientRequestToken="t1")["update"]
    assert first["id"] == again["id"] == much_later["id"]
    assert much_later["status"] == "Successful"
    assert len(face.world.effects) == 1
    assert [(call.token, call.status) for call in face.calls] == [("t1", 200)] * 3


def test_a_used_token_with_other_parameters_is_refused(eks: Any) -> None:
    eks.update_addon(clusterName="prod-eu", addonName="coredns", clientRequestToken="t1")
    with pytest.raises(eks.exceptions.InvalidParameterException, match="token"):
        eks.update_addon(clusterName="prod-eu", addonName="kube-proxy", clientRequestToken="t1")


def test_another_update_has_to_wait(eks: Any) -> None:
    eks.update_cluster_version(name="prod-eu", version="1.35", clientRequestToken="t1")
    with pytest.raises(eks.exceptions.ResourceInUseException) as caught:
        eks.update_cluster_version(name="prod-eu", version="1.35", clientRequestToken="t2")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert caught.value.response["clusterName"] == "prod-eu"
    with pytest.raises(eks.exceptions.ResourceInUseException):
        eks.update_addon(clusterName="prod-eu", addonName="coredns")


def test_updates_of_parts_are_found_only_by_their_part(eks: Any) -> None:
    update = eks.update_addon(clusterName="prod-eu", addonName="coredns")["update"]["id"]
    assert eks.list_updates(name="prod-eu")["updateIds"] == []
    assert eks.list_updates(name="prod-eu", addonName="coredns")["updateIds"] == [update]
    assert eks.describe_update(name="prod-eu", updateId=update, addonName="coredns")["update"]["type"] == "AddonUpdate"
    with pytest.raises(eks.exceptions.ResourceNotFoundException):
        eks.describe_update(name="prod-eu", updateId=update)


def test_lists_come_in_pages_without_a_gap_or_a_double(eks: Any, pass_time: PassTime) -> None:
    ids = []
    for number in range(7):
        kinds = ["api"] if number % 2 else ["audit"]
        logging = {"clusterLogging": [{"types": kinds, "enabled": True}]}
        ids.append(eks.update_cluster_config(name="prod-eu", logging=logging)["update"]["id"])
        pass_time(minutes=3)
    pages = list(eks.get_paginator("list_updates").paginate(name="prod-eu", PaginationConfig={"PageSize": 3}))
    assert [len(page["updateIds"]) for page in pages] == [3, 3, 1]
    assert [update for page in pages for update in page["updateIds"]] == ids[::-1]
    offers = eks.get_paginator("describe_addon_versions").paginate(PaginationConfig={"PageSize": 1})
    assert len({offer["addonName"] for page in offers for offer in page["addons"]}) == 6


def test_a_page_that_holds_the_rest_has_no_token_and_tokens_are_their_operations_own(eks: Any) -> None:
    assert "nextToken" not in eks.list_addons(clusterName="prod-eu", maxResults=4)
    token = eks.list_addons(clusterName="prod-eu", maxResults=3)["nextToken"]
    assert eks.list_addons(clusterName="prod-eu", nextToken=token)["addons"] == ["vpc-cni"]
    with pytest.raises(eks.exceptions.InvalidParameterException, match="nextToken"):
        eks.list_nodegroups(clusterName="prod-eu", nextToken=token)


def test_eks_may_want_node_groups_to_match_first(eks: Any, world: World, pass_time: PassTime) -> None:
    world.switch_on(GroupsMustMatch(kind="groups-must-match", cluster="prod-eu"))
    eks.update_cluster_version(name="prod-eu", version="1.35")
    pass_time(minutes=16)
    with pytest.raises(eks.exceptions.InvalidRequestException, match=r"must be updated to match cluster version 1\.35"):
        eks.update_cluster_version(name="prod-eu", version="1.36")


def test_a_failed_add_on_says_why_and_stands_degraded(eks: Any, world: World, pass_time: PassTime) -> None:
    world.switch_on(AddonDegrades(kind="addon-degrades", cluster="prod-eu", addon="coredns"))
    newest = eks.describe_addon_versions(addonName="coredns", kubernetesVersion="1.34")["addons"][0]["addonVersions"][0]
    update = eks.update_addon(clusterName="prod-eu", addonName="coredns", addonVersion=newest["addonVersion"])["update"]
    pass_time(minutes=40)
    failed = eks.describe_update(name="prod-eu", updateId=update["id"], addonName="coredns")["update"]
    assert failed["status"] == "Failed"
    assert [error["errorCode"] for error in failed["errors"]] == ["InsufficientNumberOfReplicas"]
    addon = eks.describe_addon(clusterName="prod-eu", addonName="coredns")["addon"]
    assert (addon["status"], len(addon["health"]["issues"])) == ("DEGRADED", 1)


def test_a_new_add_on_is_installed_and_becomes_active(eks: Any, pass_time: PassTime) -> None:
    created = eks.create_addon(clusterName="prod-eu", addonName="eks-pod-identity-agent")["addon"]
    assert created["status"] == "CREATING"
    pass_time(minutes=2)
    assert eks.describe_addon(clusterName="prod-eu", addonName="eks-pod-identity-agent")["addon"]["status"] == "ACTIVE"


def test_logging_that_is_not_named_stays(eks: Any, pass_time: PassTime) -> None:
    eks.update_cluster_config(name="prod-eu", logging={"clusterLogging": [{"types": ["scheduler"], "enabled": True}]})
    pass_time(minutes=3)
    logging = eks.describe_cluster(name="prod-eu")["cluster"]["logging"]["clusterLogging"]
    assert {kind for setup in logging if setup["enabled"] for kind in setup["types"]} == {"api", "audit", "scheduler"}


def test_labels_and_taints_of_a_group_are_changed_one_by_one(eks: Any, pass_time: PassTime) -> None:
    where = {"clusterName": "prod-eu", "nodegroupName": "own-template"}
    eks.update_nodegroup_config(
        **where,
        labels={"addOrUpdateLabels": {"tier": "front"}},
        taints={"addOrUpdateTaints": [{"key": "dedicated", "value": "api", "effect": "NO_SCHEDULE"}]},
        scalingConfig={"minSize": 1, "maxSize": 5, "desiredSize": 2},
    )
    pass_time(minutes=3)
    group = eks.describe_nodegroup(**where)["nodegroup"]
    assert group["labels"] == {"team": "web", "tier": "front"}
    assert group["taints"] == [{"key": "dedicated", "value": "api", "effect": "NO_SCHEDULE"}]
    assert group["scalingConfig"] == {"minSize": 1, "maxSize": 5, "desiredSize": 2}


def test_access_entries_can_be_made_and_taken_away(eks: Any) -> None:
    principal = "arn:aws:iam::111122223333:role/team/deployer"
    entry = eks.create_access_entry(clusterName="prod-eu", principalArn=principal, kubernetesGroups=["deployers"])[
        "accessEntry"
    ]
    assert entry["username"] == "arn:aws:sts::111122223333:assumed-role/deployer/{{SessionName}}"
    policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
    eks.associate_access_policy(
        clusterName="prod-eu", principalArn=principal, policyArn=policy, accessScope={"type": "cluster"}
    )
    assert principal in eks.list_access_entries(clusterName="prod-eu", associatedPolicyArn=policy)["accessEntries"]
    eks.delete_access_entry(clusterName="prod-eu", principalArn=principal)
    assert principal not in eks.list_access_entries(clusterName="prod-eu")["accessEntries"]


def test_a_cluster_of_the_config_map_age_has_no_access_entries(eks: Any, world: World) -> None:
    world.find_cluster("prod-eu").authentication_mode = "CONFIG_MAP"
    with pytest.raises(eks.exceptions.InvalidRequestException, match="authentication mode"):
        eks.list_access_entries(clusterName="prod-eu")


def test_tags_are_added_and_removed(eks: Any) -> None:
    arn = eks.describe_nodegroup(clusterName="prod-eu", nodegroupName="core")["nodegroup"]["nodegroupArn"]
    eks.tag_resource(resourceArn=arn, tags={"owner": "team", "cost": "1"})
    eks.untag_resource(resourceArn=arn, tagKeys=["cost"])
    assert eks.list_tags_for_resource(resourceArn=arn)["tags"] == {"owner": "team"}


def test_versions_are_offered_newest_first_and_old_ones_only_when_asked(eks: Any) -> None:
    versions = [found["clusterVersion"] for found in eks.describe_cluster_versions()["clusterVersions"]]
    assert versions == ["1.36", "1.35", "1.34", "1.33", "1.32", "1.31"]
    everything = eks.describe_cluster_versions(includeAll=True)["clusterVersions"]
    assert {found["versionStatus"] for found in everything} == {"STANDARD_SUPPORT", "EXTENDED_SUPPORT", "UNSUPPORTED"}
    default = eks.describe_cluster_versions(defaultOnly=True)["clusterVersions"]
    assert [found["clusterVersion"] for found in default] == ["1.36"]
    named = eks.describe_cluster_versions(clusterVersions=["1.34", "1.30"])["clusterVersions"]
    assert [(found["clusterVersion"], found["versionStatus"]) for found in named] == [
        ("1.34", "STANDARD_SUPPORT"),
        ("1.30", "UNSUPPORTED"),
    ]


def test_insights_are_filtered_and_refreshed(eks: Any, pass_time: PassTime) -> None:
    wanted = {"categories": ["UPGRADE_READINESS"], "kubernetesVersions": ["1.35"], "statuses": ["ERROR"]}
    found = eks.list_insights(clusterName="prod-eu", filter=wanted)["insights"]
    assert [insight["name"] for insight in found] == ["Deprecated APIs removed in Kubernetes v1.35"]
    assert eks.start_insights_refresh(clusterName="prod-eu")["status"] == "IN_PROGRESS"
    pass_time(minutes=4)
    refresh = eks.describe_insights_refresh(clusterName="prod-eu")
    assert refresh["status"] == "COMPLETED"
    again = eks.list_insights(clusterName="prod-eu", filter=wanted)["insights"]
    assert again[0]["lastRefreshTime"] == refresh["endedAt"] > found[0]["lastRefreshTime"]
