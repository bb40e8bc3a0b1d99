from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.config import ConfigurationWrong, Settings, is_loopback, load_settings, missing_for_serve
from bot.notices import Audience
from bot.wiring import audience_of, configured_clusters
from upgrade.gates import GateRule
from upgrade.gateways.identity import OwnIdentity, ProfileIdentity, RoleIdentity
from upgrade.idle import IdleOnly
from upgrade.plan import NodePolicy, UpgradePolicy

GOOD = """
announcement_channel: "#maintenance-notices"
operations_channel: C0OPS
clusters:
  - {name: prod-eu, region: eu-central-1, account: "111122223333", environment: prod, time_zone: Europe/Berlin,
     owner: "@platform", read_role: "arn:aws:iam::111122223333:role/read",
     change_role: {arn: "arn:aws:iam::111122223333:role/change", external_id: abc-123}}
  - {name: lab, region: us-gov-west-1, account: "444455556666", read_role: {profile: lab}, change_role: own}
environments:
  prod: {approvals: 2, gates: [nodes], node_policy: every-hop, notice: 2h, approval_expires: 1d}
roles:
  operator: {groups: [S0PLATFORM]}
  approver: {users: [U0BEN]}
cli_users: {ben: U0BEN}
polls: {control_plane: 20s}
database: /data/bot.db
slack: {command: /eks-upgrade-two}
"""


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith(("EKS_UPGRADE_BOT_", "SLACK_", "AWS_")):
            monkeypatch.delenv(name)


def read(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "bot.yaml"
    path.write_text(text)
    return load_settings(path)


def lines_of(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationWrong) as wrong:
        read(tmp_path, text)
    return list(wrong.value.lines)


def test_a_file_is_read(tmp_path: Path) -> None:
    settings = read(tmp_path, GOOD)
    prod, lab = settings.clusters
    assert str(prod.id) == "111122223333/eu-central-1/prod-eu"
    assert prod.read_role == RoleIdentity(arn="arn:aws:iam::111122223333:role/read")
    assert prod.change_role == RoleIdentity(arn="arn:aws:iam::111122223333:role/change", external_id="abc-123")
    assert (lab.read_role, lab.change_role) == (ProfileIdentity(name="lab"), OwnIdentity())
    policy = settings.policy("prod")
    assert (policy.approvals, policy.gates, policy.node_policy) == (2, ("nodes",), NodePolicy.EVERY_HOP)
    assert (policy.notice, policy.approval_expires) == (timedelta(hours=2), timedelta(days=1))
    assert type(policy) is UpgradePolicy
    assert settings.polls.control_plane == timedelta(seconds=20)
    assert settings.slack.command == "/eks-upgrade-two"
    assert settings.has_approver


def test_a_cluster_without_change_role_is_check_only_and_without_environment_gets_production_policy(
    tmp_path: Path,
) -> None:
    settings = read(tmp_path, 'clusters: [{name: a, region: eu-west-1, account: "111122223333"}]')
    assert settings.clusters[0].change_role is None
    assert settings.clusters[0].read_role == OwnIdentity()
    policy = settings.policy(None)
    assert (policy.bake_before_nodes, policy.one_hop_a_window) == (timedelta(hours=24), True)
    assert policy.remind == (timedelta(days=7), timedelta(hours=24), timedelta(hours=1))
    assert (policy.notice, policy.bake_after_hop) == (timedelta(hours=1), timedelta(0))
    assert not settings.has_approver


def test_an_environment_that_names_its_approvers_needs_no_role(tmp_path: Path) -> None:
    text = """
clusters: [{name: a, region: eu-west-1, account: "111122223333", environment: prod, change_role: own}]
environments: {prod: {approver_groups: %s}}
"""
    (cluster,) = configured_clusters(read(tmp_path, text % "[S0PROD, U0BEN]"))
    assert (cluster.check_only, cluster.policy.approver_groups) == (False, ("S0PROD", "U0BEN"))
    (cluster,) = configured_clusters(read(tmp_path, text % "[]"))
    assert cluster.check_only_reason == "no approver is configured."
    (line,) = lines_of(tmp_path, text % "[S0PROD, ben]")
    assert line.startswith("environments.prod.approver_groups[1]: ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("clusters: x", "clusters: must be a list"),
        ("roles: {approver: {users: U1}}", "roles.approver.users: must be a list"),
        ("polls: {addon: soon}", "polls.addon: must be a time such as 30s, 15m, 2h or 7d"),
        ("polls: {addon: 0s}", "polls.addon: must be more than no time"),
        ("slack: {command: eks}", "slack.command: must be a slash command: a / and up to 31 of a-z, 0-9, _ and -"),
        (
            "clusters: [{name: a, region: eu-west-1, account: '1'}]",
            "clusters[0].account: must be the 12 digits of an AWS account, in quotes",
        ),
    ],
)
def test_a_mistake_is_told_in_words_that_are_not_pythons(tmp_path: Path, text: str, told: str) -> None:
    assert lines_of(tmp_path, text) == [told]


def test_gates_are_words_or_say_who_attends_them(tmp_path: Path) -> None:
    text = "environments: {prod: {gates: [hop, %s]}}"
    policy = read(tmp_path, text % "{before: nodes, attended: S0NIGHT, within: 2h}").policy("prod")
    assert policy.gates == ("hop", GateRule(before="nodes", attended="S0NIGHT", within=timedelta(hours=2)))
    assert UpgradePolicy.model_validate_json(policy.model_dump_json()) == policy


@pytest.mark.parametrize(
    ("gate", "line"),
    [
        ("node", "gates[1].word: must be 'control-plane'"),
        ("{before: nodes}", "gates[1].mapping: needs “attended” with “within”, or “unattended: true”"),
        ("{before: nodes, within: 2h}", "gates[1].mapping: needs “attended”"),
        ("{before: nodes, attended: S0N, within: 2h, unattended: true}", "gates[1].mapping: needs “attended”"),
        ("{before: nodes, unatended: true}", "gates[1].mapping.unatended: unknown key; did you mean unattended?"),
        ("{before: nodes, attended: ben, within: 2h}", "gates[1].mapping.attended: "),
    ],
)
def test_a_gate_that_nobody_can_keep_is_refused(tmp_path: Path, gate: str, line: str) -> None:
    text = "environments: {prod: {gates: [hop, %s]}}"
    (said,) = lines_of(tmp_path, text % gate)
    assert said.startswith(f"environments.prod.{line}")


def test_what_an_environment_leaves_out_is_productions_and_what_it_says_counts(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        """
environments:
  prod: {}
  dev: {notice: 0s, bake_after_hop: 90m, bake_before_nodes: 0s, one_hop_a_window: false, remind: [], approval_valid: 2d}
""",
    )
    assert settings.policy("prod") == settings.policy(None)
    assert settings.policy("dev") == UpgradePolicy(
        notice=timedelta(0), bake_after_hop=timedelta(minutes=90), approval_valid=timedelta(days=2)
    )


def test_a_cluster_has_the_windows_of_its_environment_unless_it_has_its_own(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        """
environments: {prod: {windows: ["mon-thu 08:00-16:00"]}}
clusters:
  - {name: eu, region: eu-west-1, account: "111122223333", environment: prod}
  - {name: us, region: us-east-1, account: "111122223333", environment: prod, time_zone: America/New_York,
     windows: ["fri 22:00 for 6h"]}
  - {name: lab, region: us-east-1, account: "111122223333", environment: prod, windows: []}
""",
    )
    times = [(one.work_times.windows, one.work_times.time_zone) for one in configured_clusters(settings)]
    assert times == [
        (("mon-thu 08:00-16:00",), "UTC"),
        (("fri 22:00 for 6h",), "America/New_York"),
        ((), "UTC"),
    ]
    wrong = "clusters: [{name: eu, region: eu-west-1, account: '111122223333', windows: [fri 22-4]}]"
    (line,) = lines_of(tmp_path, wrong)
    assert line.startswith("clusters[0].windows: “fri 22-4” is not a maintenance window.")


def test_who_hears_of_a_cluster_and_when_it_counts_as_idle(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        """
environments: {prod: {mention_here: true}, dev: {}}
clusters:
  - {name: hub, region: eu-west-1, account: "111122223333", environment: prod, owner: hub, channels: ["#hub"],
     idle_only: {namespaces: [hub], selector: component=singleuser-server}}
  - {name: dev, region: eu-west-1, account: "111122223333", environment: dev}
""",
    )
    hub, dev = settings.clusters
    assert audience_of(settings, hub) == Audience("prod", "hub", ("#hub",), mention_here=True)
    assert audience_of(settings, dev) == Audience("dev")
    policies = [one.policy.idle_only for one in configured_clusters(settings)]
    assert policies == [IdleOnly(namespaces=("hub",), selector="component=singleuser-server"), None]


@pytest.mark.parametrize(
    ("idle_only", "line"),
    [
        ("{}", "clusters[0].idle_only: name namespaces, a selector such as component=singleuser-server, or both"),
        ("{selector: two words}", "clusters[0].idle_only: “two words” is not a label selector; write it like app=hub"),
    ],
)
def test_an_idleness_that_says_nothing_is_refused(tmp_path: Path, idle_only: str, line: str) -> None:
    cluster = f'{{name: hub, region: eu-west-1, account: "111122223333", idle_only: {idle_only}}}'
    with pytest.raises(ConfigurationWrong) as wrong:
        read(tmp_path, f"clusters: [{cluster}]")
    assert wrong.value.lines[0].startswith(line)


# -- freezes --------------------------------------------------------------------------------------------------------

FREEZES = """
environments: {prod: {}, dev: {}}
freezes:
  - {name: year-end, from: 2026-12-18, until: 2027-01-03, time_zone: Europe/Berlin, reason: Holidays.,
     environments: [prod], lift: {users: [U0CHI], groups: [S0BOSSES]}}
  - {name: sale, from: 2026-11-27 06:00, until: "2026-11-27T22:00:00-05:00", time_zone: America/New_York, reason: Sale.}
"""


def test_a_freeze_of_days_lasts_to_the_end_of_its_last_day_in_its_zone(tmp_path: Path) -> None:
    settings = read(tmp_path, FREEZES)
    year_end, sale = settings.policy("prod").freezes
    assert year_end.starts_at == datetime(2026, 12, 17, 23, tzinfo=UTC)
    assert year_end.ends_at == datetime(2027, 1, 3, 23, tzinfo=UTC)
    assert year_end.lifters == ("U0CHI", "S0BOSSES")
    assert sale.starts_at == datetime(2026, 11, 27, 11, tzinfo=UTC)
    assert sale.ends_at == datetime(2026, 11, 28, 3, tzinfo=UTC)
    assert sale.lifters == ()


def test_a_freeze_holds_the_environments_that_it_names_and_without_any_every_cluster(tmp_path: Path) -> None:
    settings = read(tmp_path, FREEZES)
    assert [one.name for one in settings.policy("prod").freezes] == ["year-end", "sale"]
    assert [one.name for one in settings.policy("dev").freezes] == ["sale"]
    assert [one.name for one in settings.policy(None).freezes] == ["sale"]


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("from: 2026-12-18, until: 2026-12-17", "freezes[0]: must end after it begins"),
        ("from: 2026-12-18 10:00, until: 2026-12-18 10:00", "freezes[0]: must end after it begins"),
        ("from: 2026-12-18 10:00, until: 2026-12-18", None),
        ("from: soon, until: 2026-12-17", "freezes[0].from: is neither a day such as 2026-12-20 nor a time"),
        ("from: 12, until: 2026-12-17", "freezes[0].from: is neither a day"),
        ("since: 2026-12-01, from: 2026-12-01, until: 2026-12-17", "freezes[0].since: unknown key"),
        ("form: 2026-12-01, until: 2026-12-17", "freezes[0].form: unknown key; did you mean from?"),
        ("from: 2026-12-01", "freezes[0].until: is missing"),
        ("from: 2026-12-01, until: 2026-12-17, time_zone: Mars/Base", "freezes[0].time_zone: is not a time zone"),
        ("from: 2026-12-01, until: 2026-12-17, lift: {users: [chi]}", "freezes[0].lift.users[0]: "),
        (
            "from: 2026-12-01, until: 2026-12-17, environments: [prdo]",
            "freezes[0].environments: there is no environment 'prdo'; known: none",
        ),
    ],
)
def test_a_freeze_that_cannot_be_meant_is_a_line(tmp_path: Path, written: str, line: str | None) -> None:
    text = f"freezes: [{{name: a, reason: Sale., {written}}}]"
    if line is None:
        assert read(tmp_path, text).policy(None).freezes
    else:
        assert any(told.startswith(line) for told in lines_of(tmp_path, text)), line


def test_a_freeze_that_is_there_twice_and_a_window_that_cannot_be_read_are_lines(tmp_path: Path) -> None:
    one = "{name: a, reason: Sale., from: 2026-12-01, until: 2026-12-17}"
    assert lines_of(tmp_path, f"freezes: [{one}, {one}]") == ["freezes: these names are there twice: a"]
    lines = lines_of(tmp_path, "environments: {prod: {windows: ['mon 25:00-26:00'], remind: [soon]}}")
    assert lines[0].startswith("environments.prod.windows: “25:00” in")
    assert lines[1].startswith("environments.prod.remind[0]: ")


def test_nothing_is_needed_for_check_and_plan() -> None:
    settings = load_settings()
    assert settings.clusters == ()
    assert settings.clock == "system"


def test_every_mistake_is_a_line_and_all_are_told_at_once(tmp_path: Path) -> None:
    lines = lines_of(
        tmp_path,
        """
anouncement_channel: "#x"
clusters:
  - {name: "bad name", region: mars, account: 12, time_zone: Mars/Base, regoin: x, read_role: "arn:nope"}
  - {name: prod-eu, region: eu-west-1}
environments: {prod: {approvals: 0, notice: soon}}
slack: {mode: carrier-pigeon, api_url: "http://slack.example/api/", command: upgrade}
clock: sundial
workers: many
roles: {approver: {users: ["@ben"]}}
""",
    )
    starts = [
        "anouncement_channel: unknown key; did you mean announcement_channel?",
        "clusters[0].name: ",
        "clusters[0].region: ",
        "clusters[0].account: ",
        "clusters[0].time_zone: is not a time zone such as Europe/Berlin",
        "clusters[0].regoin: unknown key; did you mean region?",
        "clusters[0].read_role.role.arn: ",
        "clusters[1].account: is missing",
        "environments.prod.approvals: ",
        "environments.prod.notice: ",
        "slack.mode: must be 'socket' or 'http'",
        "slack.api_url: must be https; http is for loopback only",
        "slack.command: ",
        "clock: 'sundial' is not a clock",
        "workers: ",
        "roles.approver.users[0]: ",
    ]
    for start in starts:
        assert sum(line.startswith(start) for line in lines) == 1, (start, lines)
    assert len(lines) == len(starts)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("clusters: [", "line 1: "),
        ("- a\n- b", "must be a mapping of settings"),
        ("1: 2", "must be a mapping of settings"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, text: str, line: str) -> None:
    (told,) = lines_of(tmp_path, text)
    assert line in told
    assert told.startswith(str(tmp_path))


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationWrong) as wrong:
        load_settings(tmp_path / "absent.yaml")
    assert wrong.value.lines == (f"{tmp_path / 'absent.yaml'}: No such file or directory",)


def test_an_environment_that_is_not_there_and_a_cluster_that_is_there_twice(tmp_path: Path) -> None:
    one = '{name: a, region: eu-west-1, account: "111122223333"'
    assert lines_of(tmp_path, f"clusters: [{one}, environment: prdo}}]") == [
        "clusters[0].environment: there is no environment 'prdo'; known: none"
    ]
    assert lines_of(tmp_path, f"clusters: [{one}}}, {one}}}]") == [
        "clusters: these clusters are there twice: 111122223333/eu-west-1/a"
    ]


def test_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")
    monkeypatch.setenv("EKS_UPGRADE_BOT_DATABASE", "/elsewhere/bot.db")
    monkeypatch.setenv("EKS_UPGRADE_BOT_SLACK__MODE", "http")
    monkeypatch.setenv("EKS_UPGRADE_BOT_CONFIG", str(tmp_path / "bot.yaml"))
    (tmp_path / "bot.yaml").write_text(GOOD)
    settings = load_settings()
    assert settings.database == Path("/elsewhere/bot.db")
    assert (settings.slack.mode, settings.slack.command) == ("http", "/eks-upgrade-two")
    assert settings.slack.bot_token is not None
    assert settings.slack.bot_token.get_secret_value() == "xoxb-secret"
    assert "xoxb-secret" not in repr(settings)


def test_an_unknown_variable_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EKS_UPGRADE_BOT_DATABSE", "/x")
    monkeypatch.setenv("EKS_UPGRADE_BOT_SLACK__TOKEN", "xoxb-secret")
    with pytest.raises(ConfigurationWrong) as wrong:
        load_settings()
    assert wrong.value.lines[0] == "EKS_UPGRADE_BOT_DATABSE: unknown variable; did you mean database?"
    assert wrong.value.lines[1].startswith("slack.token: unknown key; did you mean bot_token?")
    assert "xoxb-secret" not in str(wrong.value)


def test_serve_says_which_tokens_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing_for_serve(load_settings()) == [
        "slack.bot_token: is missing; set SLACK_BOT_TOKEN",
        "slack.app_token: is missing; set SLACK_APP_TOKEN",
        "clusters: none is configured; name at least one, or where to find them under discovery",
    ]
    monkeypatch.setenv("EKS_UPGRADE_BOT_SLACK__MODE", "http")
    assert "slack.signing_secret: is missing; set SLACK_SIGNING_SECRET" in missing_for_serve(load_settings())


SCALED = "scaled:1795165200.000:1795165200.000:60"


@pytest.mark.parametrize(
    ("variables", "word"),
    [
        ({}, "AWS_ENDPOINT_URL"),
        ({"AWS_ENDPOINT_URL": "https://eks.eu-central-1.amazonaws.com"}, "AWS_ENDPOINT_URL"),
        (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_EKS": "https://eks.example"},
            "AWS_ENDPOINT_URL_EKS",
        ),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, "AWS_ENDPOINT_URL"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "SLACK_BOT_TOKEN": "xoxb-1"}, "slack.api_url"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1.evil.example:1"}, "AWS_ENDPOINT_URL"),
    ],
)
def test_a_clock_of_its_own_is_refused_outside_the_sandbox(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], word: str
) -> None:
    monkeypatch.setenv("EKS_UPGRADE_BOT_CLOCK", SCALED)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationWrong, match=word):
        load_settings()


def test_a_clock_of_its_own_is_taken_when_every_address_is_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EKS_UPGRADE_BOT_CLOCK", SCALED)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9999")
    monkeypatch.setenv("SLACK_API_URL", "http://localhost:8888/api")
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    settings = load_settings()
    assert settings.make_clock().real_seconds(timedelta(minutes=1)) == 1.0
    assert settings.slack.api_url == "http://localhost:8888/api/"


def test_loopback_is_told_by_the_address_alone() -> None:
    assert is_loopback("http://127.0.0.1:1/")
    assert is_loopback("http://[::1]:1/")
    assert is_loopback("http://localhost/")
    assert not is_loopback("http://localhost.evil.example/")
    assert not is_loopback("http://169.254.169.254/")
    assert not is_loopback("127.0.0.1:80")
