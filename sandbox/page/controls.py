"""The switches of the page: faults of the world and of Slack, and the bot's process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sandbox.bot_process import BotProcess
from sandbox.page import targets
from sandbox.scenario import (
    ActionDenied,
    AddonDegrades,
    BudgetBlocks,
    CallsThrottled,
    Fault,
    NodeJoinFails,
    VerbDenied,
)
from sandbox.slack import Fault as SlackFault
from sandbox.slack import SlackFace
from sandbox.stage import Stage
from sandbox.world.faults import Switch
from sandbox.world.model import Cluster
from sandbox.world.objects import BUDGETS

Json = dict[str, Any]
LOG_LINES = 150
LOG_BYTES = 64 * 1024
LONGEST_LINE = 600

# The actions whose denial makes a good story; the field takes any other.
_ACTIONS = (
    "eks:UpdateClusterVersion",
    "eks:UpdateAddon",
    "eks:UpdateNodegroupVersion",
    "eks:DescribeUpdate",
    "eks:DescribeCluster",
    "eks:ListInsights",
    "ec2:DescribeSubnets",
    "iam:GetRole",
    "kms:DescribeKey",
)
_OPERATIONS = ("DescribeUpdate", "DescribeCluster", "DescribeAddon", "DescribeNodegroup", "ListInsights")
_RULES = ("list nodes", "list pods", "list poddisruptionbudgets", "list deployments", "list daemonsets")

# What may go wrong with Slack next: name, title, pattern of methods, the fault, how often.
_SLACK_STUMBLES: dict[str, tuple[str, str, SlackFault, int]] = {
    "rate-limit": ("The next 5 chat calls: 429", "chat.*", SlackFault("rate-limited", seconds=3), 5),
    "reset-after": ("The next 3 chat calls: reset after they took effect", "chat.*", SlackFault("reset-after"), 3),
    "server-error": ("The next 5 calls: HTTP 500", "*", SlackFault("server-error"), 5),
}


class NoSuchThing(ValueError):
    """A switch names something that is not in this sandbox."""


class Controls:
    """Args: ``bot`` is None where the sandbox was started without one."""

    def __init__(self, stage: Stage, bot: BotProcess | None) -> None:
        self._stage = stage
        self.bot = bot

    def state(self, cluster: Cluster) -> Json:
        """What the switches show, with faults offered for this cluster."""
        slack = self._stage.slack
        return {
            "bot": self._bot(),
            "switches": [_switch(switch) for switch in self._latest()],
            "offers": list(self._offers(cluster)),
            "slack": _slack(slack) if slack else None,
        }

    def switch_on(self, fault: Fault) -> Json:
        """Raises NoSuchThing."""
        self._must_exist(fault)
        return _switch(self._stage.world.switch_on(fault))

    def switch_off(self, switch_id: str) -> Json:
        """Raises NoSuchThing."""
        if switch_id not in self._stage.world.faults.switches:
            raise NoSuchThing(f"There is no switch {switch_id}.")
        return _switch(self._stage.world.switch_off(switch_id))

    def log(self) -> list[str]:
        """The end of the bot's log."""
        if self.bot is None or not self.bot.log.exists():
            return []
        with self.bot.log.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - LOG_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
        return [line[:LONGEST_LINE] for line in lines[-LOG_LINES:]]

    def _bot(self) -> Json | None:
        if self.bot is None:
            return None
        return {
            "running": self.bot.running,
            "pid": self.bot.pid,
            "starts": self.bot.starts,
            "exit": None if self.bot.running else self.bot.wait(0),
            "connections": self._stage.slack.connections if self._stage.slack else 0,
        }

    def _latest(self) -> list[Switch]:
        """The newest switch of each fault: one that was switched off and on again is one line."""
        with self._stage.world.current():
            switches = list(self._stage.world.faults.switches.values())
        return list({switch.fault.model_dump_json(): switch for switch in switches}.values())

    def _offers(self, cluster: Cluster) -> Iterator[Json]:
        with self._stage.world.current():
            addons, groups = list(cluster.addons), list(cluster.nodegroups)
            budgets = [_budget_name(budget) for budget in cluster.kube.list(BUDGETS)]
        here = {"cluster": cluster.name}
        if addons:
            yield _offer("addon-degrades", "An add-on's new pods never get ready", here, addon=addons)
        if groups:
            yield _offer("node-join-fails", "New nodes do not join", here, nodegroup=groups)
        if budgets:
            yield _offer("pdb-blocks", "A PodDisruptionBudget allows nothing any more", here, budget=budgets)
        yield _offer("groups-must-match", "EKS wants node groups level first", here)
        yield _offer("control-plane-fails", "The control-plane update fails", {**here, "attempts": 1})
        yield _offer("api-resets", "The API server cuts connections after an update", here)
        yield _offer("deny-action", "IAM denies an action", {}, action=list(_ACTIONS))
        yield _offer("deny-rbac", "RBAC denies a verb", {}, rule=list(_RULES))
        yield _offer("throttle", "AWS throttles the next 3 calls", {}, operation=list(_OPERATIONS))

    def _must_exist(self, fault: Fault) -> None:
        if problem := self._unknown_name(fault):
            raise NoSuchThing(problem)
        name = getattr(fault, "cluster", None)
        if name is None:
            return
        with self._stage.world.current():
            try:
                cluster = self._stage.world.find_cluster(name)
            except KeyError:
                raise NoSuchThing(f"There is no cluster {name}.") from None
            if isinstance(fault, AddonDegrades) and fault.addon not in cluster.addons:
                raise NoSuchThing(f"{name} has no add-on {fault.addon}; it has {', '.join(cluster.addons)}.")
            group = fault.nodegroup if isinstance(fault, NodeJoinFails | BudgetBlocks) else None
            if group is not None and group not in cluster.nodegroups:
                raise NoSuchThing(f"{name} has no node group {group}; it has {', '.join(cluster.nodegroups)}.")
            budgets = [_budget_name(budget) for budget in cluster.kube.list(BUDGETS)]
            if isinstance(fault, BudgetBlocks) and f"{fault.namespace}/{fault.name}" not in budgets:
                raise NoSuchThing(f"{name} has no PodDisruptionBudget {fault.namespace}/{fault.name}.")

    def _unknown_name(self, fault: Fault) -> str | None:
        with self._stage.world.current() as world:
            stores = [cluster.kube for cluster in world.clusters()]
            match fault:
                case ActionDenied():
                    return targets.unknown_action(fault.action)
                case VerbDenied():
                    return targets.unknown_rule(fault.verb, fault.resource, stores)
                case CallsThrottled():
                    return targets.unknown_call(fault.operation, stores)
        return None


def stumble(slack: SlackFace, name: str) -> None:
    """Let one of Slack's passing troubles happen. Raises NoSuchThing."""
    if name == "cut-sockets":
        slack.drop_sockets()
    elif name == "duplicate":
        slack.faults.duplicate_next_envelopes()
    elif name in _SLACK_STUMBLES:
        _, methods, fault, times = _SLACK_STUMBLES[name]
        slack.faults.fail_next(methods, fault, times)
    else:
        raise NoSuchThing(f"Slack has no trouble {name}.")


def _slack(slack: SlackFace) -> Json:
    stumbles = {name: title for name, (title, *_) in _SLACK_STUMBLES.items()}
    stumbles |= {"cut-sockets": "Cut the Socket Mode connection", "duplicate": "Deliver the next click twice"}
    return {"outage": slack.faults.outage, "stumbles": stumbles}


def _budget_name(budget: Json) -> str:
    return f"{budget['metadata']['namespace']}/{budget['metadata']['name']}"


def _offer(kind: str, title: str, fixed: Json, **choices: list[str]) -> Json:
    return {"kind": kind, "title": title, "fixed": fixed, "choices": choices}


def _switch(switch: Switch) -> Json:
    return {
        "id": switch.id,
        "on": switch.on,
        "used": switch.used,
        "spent": switch.on and not switch.left(),
        "title": _TITLES[switch.fault.kind](switch.fault),
        "cluster": getattr(switch.fault, "cluster", ""),
        "fault": switch.fault.model_dump(mode="json"),
    }


_TITLES: dict[str, Callable[[Any], str]] = {
    "addon-degrades": lambda f: f"{f.addon} degrades{f' on {f.version}' if f.version else ''}{_times(f.attempts)}",
    "node-join-fails": lambda f: f"New nodes of {f.nodegroup} do not join{_times(f.attempts)}",
    "pdb-blocks": lambda f: f"PDB {f.namespace}/{f.name} blocks{f' when {f.nodegroup} updates' if f.nodegroup else ''}",
    "groups-must-match": lambda _: "EKS wants node groups level first",
    "control-plane-fails": lambda f: f"Control-plane update fails: {f.code}{_times(f.attempts)}",
    "deny-action": lambda f: f"IAM denies {f.action}",
    "deny-rbac": lambda f: f"RBAC denies {f.verb} {f.resource}",
    "throttle": lambda f: f"AWS throttles {f.operation} ({f.calls} calls)",
    "api-resets": lambda f: f"API server cuts connections for {f.seconds} s after an update",
}


def _times(attempts: int | None) -> str:
    return "" if attempts is None else f" ({'once' if attempts == 1 else f'{attempts} times'})"
