"""A bot that is told where to look finds the fleet, and keeps it while an account is silent or a run goes on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.__main__ import run as run_command
from bot.config import load_settings
from bot.discovery import Discovery
from bot.doctor.discovery import examine_discovery
from bot.doctor.verdicts import Verdict
from bot.serving import Outside, Server, make_server, outside_of
from sandbox.aws.eks import operations
from sandbox.scenario import load_scenario
from sandbox.slack import RateLimits
from sandbox.stage import Stage
from sandbox.world.identities import CHANGE_ROLE, EXTERNAL_ID, READ_ROLE, role_arn
from tests.upgrade.fakes import ManualClock
from tests.upgrade.runs import make_run
from upgrade.discovery import DiscoveredCluster, Place
from upgrade.eks import ClusterId
from upgrade.errors import StillLooking, TemporaryError, UnknownCluster
from upgrade.gateways.aws.discovery import ClusterFinder
from upgrade.gateways.clusters import ConfiguredCluster, ConfiguredClusters
from upgrade.gateways.identity import RoleIdentity
from upgrade.run import RunStatus
from upgrade.store.sqlite import SqliteStore

MANIFEST = Path(__file__).parents[2] / "manifest.yml"
ACCOUNTS = ["777788889999", "444455556666", "111122223333"]
PRODUCTION = "111122223333"
REGIONS = ["eu-central-1", "us-east-1"]


def block(**changes: Any) -> dict[str, Any]:
    roles = {key: role_arn("{account}", role) for key, role in (("read_role", READ_ROLE), ("change_role", CHANGE_ROLE))}
    return {"accounts": ACCOUNTS, "regions": REGIONS, "external_id": EXTERNAL_ID, **roles, **changes}


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    pacing = RateLimits(enabled=False)
    manifest = MANIFEST.read_text()
    faces = ("aws", "slack")
    with Stage(load_scenario("fleet"), speed=60, faces=faces, manifest=manifest, slack_rate_limits=pacing) as made:
        yield made


@pytest.fixture
def config(stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The scenario's own settings with every cluster found in place of listed, but for one."""
    for variable, value in stage.environment().items():
        if variable.startswith(("AWS_", "SLACK_", "PAGERDUTY_", "EKS_UPGRADE_BOT_CLOCK")):
            monkeypatch.setenv(variable, value)
    settings = yaml.safe_load(stage.config_file.read_text())
    listed = [{**one, "owner": "as it is listed"} for one in settings["clusters"] if one["name"] == "dev-eu-1"]
    fleet = {"look_every": "0s"}
    settings |= {"clusters": listed, "discovery": [block()], "fleet": fleet, "database": str(tmp_path / "bot.db")}
    path = tmp_path / "bot.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


@dataclass
class Bot:
    """A server that was made and not started: its passes are called by hand."""

    outside: Outside
    server: Server

    @property
    def names(self) -> list[str]:
        return sorted(one.id.name for one in self.server.service.clusters())

    def close(self) -> None:
        self.outside.clusters.close()
        self.outside.store.close()


def make_bot(config: Path) -> Bot:
    settings = load_settings(config, server=True)
    outside = outside_of(settings)
    return Bot(outside, make_server(settings, outside))


def test_the_fleet_is_found_and_known_at_once_after_a_restart(
    stage: Stage, config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(operations, "LARGEST_PAGE", 1)
    everything = sorted(one.name for one in stage.scenario.clusters)
    bot = make_bot(config)
    assert bot.names == ["dev-eu-1"]
    with pytest.raises(StillLooking, match=r"ask again in a moment\. Known clusters: dev-eu-1\."):
        bot.server.service.resolve("staging-data")
    news = bot.server.homes._news
    bot.server.watch.look_once()
    assert bot.names == everything
    assert bot.server.homes._news > news, "who has App Home open sees them"
    with pytest.raises(UnknownCluster, match="is configured"):
        bot.server.service.resolve("nothing")
    staging = bot.server.service.resolve("staging-data")
    assert (staging.environment, staging.owner, staging.check_only) == ("staging", "platform team", False)
    assert bot.server.service.resolve("dev-eu-1").owner == "as it is listed"
    assert bot.server.notifier._audience_of(staging.id).environment == "staging"
    aws, _ = bot.outside.clusters.reading(staging.id)
    assert aws.describe_cluster().arn.endswith(":cluster/staging-data")
    bot.close()
    restarted = make_bot(config)
    assert restarted.names == everything
    assert restarted.outside.clusters.reading(staging.id)
    restarted.close()
    capsys.readouterr()
    assert run_command(["--config", str(config), "clusters"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("12 clusters")
    assert all(name in told for name in everything)
    assert run_command(["--config", str(config), "check", "nothing"]) == 1
    assert "staging-data" in capsys.readouterr().err, "what could be checked was found by the server"


def only(stage: Stage, account: str) -> Any:
    """The read role of an account; what it may do is a list that can be changed."""
    return stage.world.accounts[account].roles[READ_ROLE].allowed_actions


def test_an_account_that_may_not_be_looked_into_keeps_its_clusters_and_is_told_once(
    stage: Stage, config: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings, known, allowed = load_settings(config), list[tuple[set[str], bool]](), only(stage, PRODUCTION)
    clock, before = ManualClock(), list(allowed)
    store = SqliteStore(settings.database)
    discovery = Discovery(
        settings,
        store,
        ClusterFinder(),
        now=clock.now,
        know=lambda found, whole: known.append(({one.name for one in found.clusters}, whole)),
    )
    caplog.set_level(logging.INFO, "bot.discovery")
    discovery.look_if_due()
    discovery.look_if_due()
    assert len(known) == 1, "the next look is in an hour"
    allowed.remove("eks:List*")
    try:
        clock.pass_(hours=1)
        discovery.look_if_due()
        verdicts = verdicts_of(config)
        clock.pass_(minutes=5)
        discovery.look_if_due()
    finally:
        allowed[:] = before
    assert [names for names, _ in known[1:]] == [known[0][0]] * 2, "looked again after five minutes"
    assert [whole for _, whole in known] == [True, False, False]
    clock.pass_(minutes=5)
    discovery.look_if_due()
    told = [one.message for one in caplog.records if one.levelno == logging.WARNING]
    assert len(told) == len(REGIONS), "once for each place"
    assert all("eks:ListClusters" in line for line in told)
    assert sorted(caplog.messages[-2:]) == [
        f"clusters can be looked for in {PRODUCTION}/{one} again" for one in REGIONS
    ]
    fixes = [one for one in verdicts if one.code == "aws-permission"]
    assert [one.subject for one in fixes] == [f"discovery in {PRODUCTION}/{one}" for one in REGIONS]
    assert fixes[0].remedy.startswith(f"aws iam put-role-policy --role-name {READ_ROLE} ")
    assert len([one for one in verdicts if one.code == "discovery"]) == 4
    store.close()


def test_doctor_names_a_cluster_whose_environment_is_not_known(config: Path) -> None:
    settings = yaml.safe_load(config.read_text())
    config.write_text(
        yaml.safe_dump({**settings, "discovery": [block(accounts=[PRODUCTION], environment_tag="owner")]})
    )
    told = [one for one in verdicts_of(config) if one.code == "discovery-environment"]
    assert [one.subject.rpartition("/")[2] for one in told] == ["prod-data", "prod-eu", "prod-us", "tools"]
    assert told[0].summary.startswith("its environment “platform team” is not among environments")


def verdicts_of(config: Path) -> list[Verdict]:
    return list(examine_discovery(load_settings(config)))


class Finder:
    """Finds what a test says, or does not answer."""

    def __init__(self, *clusters: ClusterId) -> None:
        self.there = clusters
        self.silent = False

    def clusters(self, identity: RoleIdentity, place: Place) -> tuple[DiscoveredCluster, ...]:
        if self.silent:
            raise TemporaryError("AWS did not answer.")
        return tuple(DiscoveredCluster(id=one) for one in self.there if Place.of(one) == place)


def test_a_cluster_that_is_gone_is_dropped_once_its_run_has_ended(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = tmp_path / "bot.yaml"
    config.write_text(yaml.safe_dump({"discovery": [block()], "database": str(tmp_path / "bot.db")}))
    settings, known, clock = load_settings(config), list[list[ClusterId]](), ManualClock()
    run = make_run(RunStatus.RUNNING)
    other = run.cluster.model_copy(update={"name": "other"})
    finder, store = Finder(run.cluster, other), SqliteStore(settings.database)
    store.create(run, [])

    def know(found: Any, _whole: bool) -> None:
        known.append([one.id for one in found.clusters])

    def look() -> list[ClusterId]:
        clock.pass_(hours=1)
        discovery.look_if_due()
        return known[-1]

    discovery = Discovery(settings, store, finder, now=clock.now, know=know)
    caplog.set_level(logging.INFO, "bot.discovery")
    assert look() == [other, run.cluster]
    finder.there, finder.silent = (), True
    assert look() == [other, run.cluster]
    finder.silent = False
    assert look() == [run.cluster], "its run is not finished"
    store.save(store.load(run.id).model_copy(update={"status": RunStatus.SUCCEEDED}), [])
    assert look() == []
    assert f"the cluster {other} is gone" in caplog.messages
    assert caplog.messages[-1] == f"the cluster {run.cluster} is gone"
    assert store.discovered() == ()
    store.close()


def test_gateways_are_made_anew_for_a_cluster_that_is_read_otherwise_now() -> None:
    one, other = (ClusterId(account=PRODUCTION, region="eu-central-1", name=name) for name in ("a", "b"))
    role = RoleIdentity(arn=role_arn(PRODUCTION, READ_ROLE))
    clusters = ConfiguredClusters([ConfiguredCluster(id=one), ConfiguredCluster(id=other)])
    before = {cluster: clusters.reading(cluster) for cluster in (one, other)}
    clusters.know([ConfiguredCluster(id=one), ConfiguredCluster(id=other, read=role)])
    assert clusters.reading(one) is before[one]
    assert clusters.reading(other) is not before[other]
    clusters.close()
