"""The configuration file that the sandbox writes for the bot: an ordinary one, as a platform team would write it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sandbox.pager import KEY_VARIABLE
from sandbox.scenario import ClusterSpec, Scenario
from sandbox.slack import UserGroup
from sandbox.world.identities import CHANGE_ROLE, EXTERNAL_ID, READ_ROLE, role_arn

_WITHOUT_WAITING = {"notice": "5m", "bake_before_nodes": "0s", "one_hop_a_window": False, "remind": []}
# Real seconds: a start is late after these, for on a fast clock a busy machine, or a bot that starts, is late by hours.
_LATE = 120
# Real seconds that an approval lasts at least.
_PATIENCE = 300
#: The group that is on call, where a scenario has it.
ON_CALL = "on-call"
ROLE_OF_GROUP = {"operators": "operator", "approvers": "approver", "admins": "admin"}


def bot_config(
    scenario: Scenario,
    *,
    home: Path,
    usergroups: Iterable[UserGroup],
    announcements: str,
    operations: str,
    security: str | None,
    pager: str,
    rate: float,
) -> dict[str, Any]:
    """What stands in the file, for the scenario's clusters, environments and people.

    ``scenario.bot`` is merged into it last. Announcements are made without waiting, versions are not watched, nobody is
    reminded and no digest comes unless the scenario says so, because nobody wants to watch a clock for a day.

    Args:
        security: the channel that hears of broken glass; None where the workspace is not ours.
        pager: the address of who is called outside of Slack.
        rate: domain seconds for one real second.
    """
    groups = {group.handle: group.id for group in usergroups}
    config: dict[str, Any] = {
        "announcement_channel": f"#{announcements}",
        "operations_channel": f"#{operations}",
        **({"security_channel": f"#{security}"} if security else {}),
        "digest": {"enabled": False},
        "database": str(home / "eks-upgrade-bot.db"),
        "health_file": str(home / "health"),
        "clusters": [_cluster(spec) for spec in scenario.clusters],
        "environments": {spec.environment: {**_WITHOUT_WAITING, **_lasting(rate)} for spec in scenario.clusters},
        "roles": _roles(scenario, groups),
        "cli_users": {person.name: person.id for person in scenario.people},
        "start_grace": f"{max(15 * 60, _LATE * rate):.0f}s",
        "on_call": {
            **({"group": groups[ON_CALL]} if ON_CALL in groups else {}),
            "webhooks": [{"kind": "pagerduty", "name": "pager", "key_variable": KEY_VARIABLE, "url": pager}],
        },
    }
    return _merged(config, scenario.bot)


def _lasting(rate: float) -> dict[str, str]:
    """What people may take their time for; on a fast clock at least some real minutes."""
    lasts = {"approval_expires": 24 * 3600, "approval_valid": 14 * 24 * 3600}
    return {key: f"{max(usual, _PATIENCE * rate):.0f}s" for key, usual in lasts.items()}


def _cluster(spec: ClusterSpec) -> dict[str, Any]:
    def role(name: str) -> dict[str, str]:
        return {"arn": role_arn(spec.account, name), "external_id": EXTERNAL_ID}

    return {
        "name": spec.name,
        "region": spec.region,
        "account": spec.account,
        "environment": spec.environment,
        "time_zone": spec.time_zone,
        "owner": spec.owner,
        **({"channels": [f"#{name}" for name in spec.channels]} if spec.channels else {}),
        "read_role": role(READ_ROLE),
        "change_role": role(CHANGE_ROLE),
        **({} if spec.reach == "direct" else {"reach": spec.reach}),
        **({"idle_only": {"namespaces": spec.idle_namespaces}} if spec.idle_namespaces else {}),
    }


def _roles(scenario: Scenario, group_ids: Mapping[str, str]) -> dict[str, Any]:
    """By user group where Slack is simulated, else by person."""
    roles: dict[str, Any] = {}
    for handle, role in ROLE_OF_GROUP.items():
        if handle in group_ids:
            roles[role] = {"groups": [group_ids[handle]]}
        elif people := [person.id for person in scenario.people if handle in person.groups]:
            roles[role] = {"users": people}
    return roles


def _merged(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` laid over ``base``, mapping by mapping."""
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        result[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    return result
