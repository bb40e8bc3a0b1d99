"""Where clusters are found: what the settings say of one, and what is told of a mistake in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config import ClusterSettings, ConfigurationWrong, Settings, load_settings
from bot.discovery import looks_of, with_discovered
from bot.wiring import configured_clusters
from upgrade.discovery import DiscoveredCluster
from upgrade.eks import ClusterId
from upgrade.gateways.identity import RoleIdentity
from upgrade.gateways.reach import AwsOnly

TEXT = """
clusters: [{name: listed, region: eu-west-1, account: "111122223333", environment: lab, time_zone: Asia/Tokyo}]
discovery:
  - accounts: ["111122223333", "444455556666"]
    regions: [eu-west-1]
    read_role: arn:aws:iam::{account}:role/team/read
    change_role: arn:aws:iam::{account}:role/change
    external_id: abc-1
    tags: {upgrades: bot}
    environment: lab
    time_zone: Europe/Berlin
  - accounts: ["111122223333"]
    regions: [eu-west-1, us-east-1]
    read_role: arn:aws:iam::{account}:role/others
    environment_tag: Stage
    owner_tag: Team
    reach: aws-only
environments: {prod: {approvals: 2}, lab: {}}
roles: {approver: {users: [U0BEN]}}
"""


def read(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "bot.yaml"
    path.write_text(text)
    return load_settings(path)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read(tmp_path, TEXT)


def found(name: str, account: str = "111122223333", region: str = "eu-west-1", **tags: str) -> DiscoveredCluster:
    return DiscoveredCluster(id=ClusterId(account=account, region=region, name=name), tags=tags)


def only(settings: Settings, one: DiscoveredCluster) -> ClusterSettings:
    (cluster,) = with_discovered(settings, [one]).clusters[1:]
    return cluster


def test_tags_give_environment_and_owner_and_the_pattern_gives_the_roles(settings: Settings) -> None:
    cluster = only(settings, found("a", "444455556666", upgrades="bot", environment="prod", owner=" shop \n team "))
    assert (cluster.environment, cluster.owner, cluster.time_zone) == ("prod", "shop team", "Europe/Berlin")
    read_role = RoleIdentity(arn="arn:aws:iam::444455556666:role/team/read", external_id="abc-1")
    change_role = RoleIdentity(arn="arn:aws:iam::444455556666:role/change", external_id="abc-1")
    assert (cluster.read_role, cluster.change_role) == (read_role, change_role)


def test_the_first_block_whose_tags_fit_counts_and_without_any_it_is_no_cluster_of_ours(settings: Settings) -> None:
    cluster = only(settings, found("a", upgrades="nobody", Stage="prod", Team="x" * 256, environment="lab"))
    assert (cluster.environment, cluster.owner, cluster.change_role) == ("prod", "x" * 100, None)
    assert cluster.reach == AwsOnly()
    assert with_discovered(settings, [found("a", "444455556666", owner="shop")]).clusters == settings.clusters
    elsewhere = found("a", "444455556666", "us-east-1", upgrades="bot")
    assert with_discovered(settings, [elsewhere]).clusters == settings.clusters


def test_a_listed_cluster_is_as_it_is_listed(settings: Settings) -> None:
    twin = found("listed", upgrades="bot", environment="prod")
    assert with_discovered(settings, [twin]).clusters == settings.clusters


def test_the_default_environment_is_for_clusters_without_the_tag_only(settings: Settings) -> None:
    assert [only(settings, found("a", upgrades="bot", environment=tag)).environment for tag in ("", "prdo")] == [
        "lab",
        "prdo",
    ]
    (_, unknown) = configured_clusters(with_discovered(settings, [found("a", upgrades="bot", environment="prdo")]))
    assert unknown.check_only_reason == "its environment “prdo” is not among the environments of the configuration."
    assert unknown.policy == settings.policy(None), "production's"
    (_, lab) = configured_clusters(with_discovered(settings, [found("a", upgrades="bot")]))
    assert not lab.check_only


def test_where_no_tag_is_asked_nobody_who_tags_chooses_the_policy(tmp_path: Path) -> None:
    settings = read(tmp_path, TEXT.replace("    environment: lab", "    environment: prod\n    environment_tag: null"))
    assert only(settings, found("a", upgrades="bot", environment="lab")).environment == "prod"


def test_each_account_is_looked_into_once_under_each_role(settings: Settings) -> None:
    assert [(role.arn.rpartition("/")[2], str(place)) for role, place in looks_of(settings)] == [
        ("read", "111122223333/eu-west-1"),
        ("read", "444455556666/eu-west-1"),
        ("others", "111122223333/eu-west-1"),
        ("others", "111122223333/us-east-1"),
    ]
    assert len(looks_of(settings.model_copy(update={"discovery": settings.discovery * 2}))) == 4


LEAST = {"accounts": "['111122223333']", "regions": "[eu-west-1]", "read_role": "'arn:aws:iam::{account}:role/r'"}
ROLE = "a role with {account} in place of its account, such as arn:aws:iam::{account}:role/eks-upgrade-bot-"


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"accounts": "[12]"}, "accounts[0]: must be text, in quotes where YAML takes it for something else"),
        ({"accounts": "['12']"}, "accounts[0]: must be the 12 digits of an AWS account, in quotes"),
        ({"accounts": "[]"}, "accounts: must name at least one"),
        ({"regions": "[mars]"}, "regions[0]: must be an AWS region such as eu-central-1"),
        ({"regions": "[]"}, "regions: must name at least one"),
        ({"read_role": "own"}, f"read_role: must be {ROLE}read"),
        ({"read_role": "'arn:aws:iam::111122223333:role/r'"}, f"read_role: must be {ROLE}read"),
        ({"change_role": "'arn:aws:iam::{acount}:role/r'"}, f"change_role: must be {ROLE}change"),
        ({"external_id": "' '"}, "external_id: must be of the form ^[A-Za-z0-9_+=,.@:/-]{2,1224}$"),
        ({"tags": "[a]"}, "tags: must be a mapping"),
        ({"tags": "{a: 1}"}, "tags.a: must be text, in quotes where YAML takes it for something else"),
        ({"owner_tag": "''"}, "owner_tag: string should have at least 1 character"),
        ({"time_zone": "Mars/Base"}, "time_zone: is not a time zone such as Europe/Berlin"),
        ({"environment": "prdo"}, "environment: there is no environment 'prdo'; known: none"),
        ({"acounts": "[]"}, "acounts: unknown key; did you mean accounts?"),
    ],
)
def test_a_mistake_is_one_clear_line(tmp_path: Path, wrong: dict[str, str], line: str) -> None:
    block = ", ".join(f"{key}: {value}" for key, value in {**LEAST, **wrong}.items())
    with pytest.raises(ConfigurationWrong) as told:
        read(tmp_path, f"discovery: [{{{block}}}]")
    assert told.value.lines == (f"discovery[0].{line}",)


def test_a_server_needs_no_listed_cluster_where_it_finds_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    monkeypatch.setenv("SLACK_APP_TOKEN", "xapp-1")
    path = tmp_path / "bot.yaml"
    path.write_text(f"discovery: [{{{', '.join(f'{key}: {value}' for key, value in LEAST.items())}}}]")
    assert load_settings(path, server=True).clusters == ()
