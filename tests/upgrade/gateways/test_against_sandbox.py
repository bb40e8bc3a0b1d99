"""The gateways against the sandbox's AWS and Kubernetes, over the wire: the same code as against the real ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from sandbox.scenario import ActionDenied, VerbDenied, load_scenario
from sandbox.stage import TO_UNSET, Stage
from sandbox.world.identities import CHANGE_ROLE, EXTERNAL_ID, READ_ROLE, role_arn
from tests.patience import wait_for
from tests.sampling import sampled
from upgrade.cluster import ClusterSnapshot
from upgrade.eks import ClusterId, EksUpdate, UpdateSubject
from upgrade.engine.snapshot import take_snapshot
from upgrade.errors import ClusterBusy, NotPermitted, UpdateRefused
from upgrade.facts import Unknown, need
from upgrade.gateways.clusters import ConfiguredCluster, ConfiguredClusters
from upgrade.gateways.identity import RoleIdentity
from upgrade.gateways.permissions import CHANGE_ACTIONS, KUBERNETES_ACCESSES, READ_ACTIONS
from upgrade.ports import AwsGateway
from upgrade.readiness import NOTHING_MORE, Looks
from upgrade.versions import AddonVersion, KubernetesVersion

SPEED = 3600.0
CLUSTER = UpdateSubject(kind="cluster")


class Sandbox:
    """A stage for one scenario, and gateways to its first cluster."""

    def __init__(self, stage: Stage) -> None:
        spec = stage.scenario.clusters[0]

        def role(name: str) -> RoleIdentity:
            return RoleIdentity(arn=role_arn(spec.account, name), external_id=EXTERNAL_ID)

        self.stage = stage
        self.id = ClusterId(account=spec.account, region=spec.region, name=spec.name)
        configured = ConfiguredCluster(id=self.id, read=role(READ_ROLE), change=role(CHANGE_ROLE))
        self.clusters = ConfiguredClusters([configured])

    def now(self) -> datetime:
        return self.stage.clock.now()

    def real_seconds(self, delay: timedelta) -> float:
        return self.stage.clock.to_real(delay)

    def new_id(self) -> str:
        return "never asked for"

    def snapshot(self, looks: Looks = NOTHING_MORE) -> ClusterSnapshot:
        aws, kube = self.clusters.reading(self.id)
        return take_snapshot(aws, kube, self.id, self, looks=looks)

    def changing(self) -> AwsGateway:
        return self.clusters.changing(self.id, run_id="run-1", requester="U0ANA")[0]

    def end_of(self, update: EksUpdate) -> EksUpdate:
        """The update when it has ended."""
        aws = self.changing()

        def ended() -> EksUpdate | None:
            found = aws.describe_update(update.id, update.subject)
            return None if found.status == "InProgress" else found

        return wait_for(ended, f"the end of {update.id}")


def play(name: str) -> Iterator[Sandbox]:
    stage = Stage(load_scenario(name), speed=SPEED, faces=("aws", "kubernetes"))
    with stage, pytest.MonkeyPatch.context() as environment:
        for variable in TO_UNSET:
            environment.delenv(variable, raising=False)
        for variable, value in stage.environment().items():
            if variable.startswith("AWS_"):
                environment.setenv(variable, value)
        sandbox = Sandbox(stage)
        yield sandbox
        sandbox.clusters.close()


@pytest.fixture(scope="module")
def two_hops() -> Iterator[Sandbox]:
    yield from play("two-hops")


def unknowns(snapshot: ClusterSnapshot) -> dict[str, Unknown]:
    """But what nobody chose to look at."""
    return {name: fact for name, fact in snapshot if isinstance(fact, Unknown) and not fact.chosen}


def test_a_snapshot_of_two_hops_knows_everything(two_hops: Sandbox) -> None:
    snapshot = two_hops.snapshot(Looks(helm_releases=True, token_secrets=True, kubelets=True, audit_log=True))
    assert not [name for name, fact in snapshot if isinstance(fact, Unknown)]
    assert need(snapshot.caller).account == two_hops.id.account
    assert need(snapshot.access).mapped
    assert (need(snapshot.access).denied, need(snapshot.denied_actions)) == ((), ())
    assert {group.name for group in need(snapshot.nodegroups)} == {"core", "apps", "batch"}
    assert len(need(snapshot.nodes)) == 12
    assert {addon.name for addon in need(snapshot.addons)} >= {"vpc-cni", "kube-proxy", "coredns"}
    assert [str(release.version) for release in need(snapshot.ami_releases)] == ["1.34", "1.35", "1.36"]
    assert need(snapshot.keys)[0].usable_by_role
    assert snapshot == ClusterSnapshot.from_json(snapshot.to_json())


@pytest.mark.parametrize("name", ["workshop-lab", "seed-plan"])
def test_clusters_of_old_versions_are_read_as_well(name: str) -> None:
    for sandbox in play(name):
        snapshot = sandbox.snapshot()
        assert unknowns(snapshot) == {}
        assert snapshot.control_plane.version < KubernetesVersion(1, 23)
        assert need(snapshot.pods)


@pytest.mark.parametrize("action", [*sampled([*READ_ACTIONS, *CHANGE_ACTIONS], 4)])
def test_no_denied_action_goes_unnoticed(two_hops: Sandbox, action: str) -> None:
    world = two_hops.stage.world
    switch = world.switch_on(ActionDenied(kind="deny-action", action=action))
    try:
        noticed = noticed_denials(two_hops)
    finally:
        world.switch_off(switch.id)
    assert action in noticed


def noticed_denials(sandbox: Sandbox) -> set[str | None]:
    """What a snapshot says is missing: instead of itself, of a fact, or of what an upgrade needs."""
    try:
        snapshot = sandbox.snapshot()
    except NotPermitted as error:
        return {error.permission}
    listed = () if isinstance(snapshot.denied_actions, Unknown) else need(snapshot.denied_actions)
    return {fact.permission for fact in unknowns(snapshot).values()} | set(listed)


@pytest.mark.parametrize(("verb", "resource"), [*sampled(KUBERNETES_ACCESSES, 4)])
def test_no_denied_access_goes_unnoticed(two_hops: Sandbox, verb: str, resource: str) -> None:
    world = two_hops.stage.world
    plural = resource.partition(" ")[0].partition(".")[0]
    switch = world.switch_on(VerbDenied(kind="deny-rbac", verb=verb, resource=plural))
    try:
        snapshot = two_hops.snapshot()
    finally:
        world.switch_off(switch.id)
    assert need(snapshot.access).denied == (f"{verb} {resource}",)


def test_updates_are_started_once_followed_and_seen_by_the_next_snapshot() -> None:
    for sandbox in play("two-hops"):
        aws = sandbox.changing()
        assert aws.caller_identity().arn.endswith("/run-1")
        with pytest.raises(UpdateRefused):
            aws.update_cluster_version(KubernetesVersion(1, 36), token="t-0")
        update = aws.update_cluster_version(KubernetesVersion(1, 35), token="t-1")
        assert aws.update_cluster_version(KubernetesVersion(1, 35), token="t-1").id == update.id
        with pytest.raises(ClusterBusy):
            aws.update_cluster_version(KubernetesVersion(1, 35), token="t-2")
        assert update.id in aws.list_update_ids(CLUSTER)
        ended = sandbox.end_of(update)
        assert (ended.status, ended.type, ended.params["Version"]) == ("Successful", "VersionUpdate", "1.35")
        addon = aws.describe_addon("kube-proxy")
        (wanted, *_) = [
            offer for offer in aws.addon_offers(["kube-proxy"]) if KubernetesVersion(1, 35) in offer.default_for
        ]
        moved = aws.update_addon(
            "kube-proxy", wanted.version, resolve_conflicts="PRESERVE", role_arn=addon.role_arn, token="t-3"
        )
        assert sandbox.end_of(moved).status == "Successful"
        assert aws.describe_addon("kube-proxy").version == wanted.version
        snapshot = sandbox.snapshot()
        assert snapshot.control_plane.version == KubernetesVersion(1, 35)
        assert {found.id for found in need(snapshot.updates)} == {update.id, moved.id}


def test_an_add_on_version_that_eks_does_not_offer_is_refused(two_hops: Sandbox) -> None:
    with pytest.raises(UpdateRefused):
        two_hops.changing().update_addon(
            "coredns", AddonVersion("v9.9.9-eksbuild.1"), resolve_conflicts="PRESERVE", role_arn=None, token="t-9"
        )
