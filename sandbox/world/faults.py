"""What goes wrong on purpose. Switched on by the scenario or at run time; the world and the faces ask here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.scenario import (
    ActionDenied,
    AddonDegrades,
    ApiResets,
    BudgetBlocks,
    CallsThrottled,
    ControlPlaneFails,
    Fault,
    GroupsMustMatch,
    NodeJoinFails,
    VerbDenied,
)


@dataclass(slots=True)
class Switch:
    """A fault and whether it is on. `used` counts the attempts it spoiled or the calls it throttled."""

    id: str
    fault: Fault
    on: bool = True
    used: int = 0

    def left(self) -> bool:
        """Whether the fault has attempts left."""
        limit = getattr(self.fault, "attempts", None)
        return self.on and (limit is None or self.used < limit)


class Faults:
    """All switches. `denied_actions` and `denied_rbac` may also be changed directly; the faces look there."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.switches: dict[str, Switch] = {}
        self.denied_actions: set[str] = set()
        self.denied_rbac: set[tuple[str, str]] = set()
        for fault in faults:
            self.switch_on(fault)

    def switch_on(self, fault: Fault) -> Switch:
        """Adds the fault; its id is its kind and a number."""
        switch = Switch(f"{fault.kind}-{len(self.switches) + 1}", fault)
        self.switches[switch.id] = switch
        if isinstance(fault, ActionDenied):
            self.denied_actions.add(fault.action)
        elif isinstance(fault, VerbDenied):
            self.denied_rbac.add((fault.verb, fault.resource))
        return switch

    def switch_off(self, switch_id: str) -> Switch:
        """Ends the fault. Raises KeyError."""
        switch = self.switches[switch_id]
        switch.on = False
        if isinstance(switch.fault, ActionDenied):
            self.denied_actions.discard(switch.fault.action)
        elif isinstance(switch.fault, VerbDenied):
            self.denied_rbac.discard((switch.fault.verb, switch.fault.resource))
        return switch

    def denies(self, action: str) -> bool:
        """Whether an IAM action (`eks:UpdateAddon`) is denied; `eks:*` denies all of a service."""
        return action in self.denied_actions or f"{action.split(':', 1)[0]}:*" in self.denied_actions

    def throttles(self, operation: str) -> bool:
        """Whether this call of an operation is to be throttled; counts it."""
        for switch in self.switches.values():
            fault = switch.fault
            if switch.on and isinstance(fault, CallsThrottled) and fault.operation == operation:
                switch.used += 1
                switch.on = switch.used < fault.calls
                return True
        return False

    def groups_must_match(self, cluster: str) -> bool:
        return any(isinstance(s.fault, GroupsMustMatch) and s.on and s.fault.cluster == cluster for s in self._all())

    def control_plane_failure(self, cluster: str) -> ControlPlaneFails | None:
        """The fault that spoils a control-plane update starting now; counts the attempt."""
        for switch in self._all():
            fault = switch.fault
            if isinstance(fault, ControlPlaneFails) and switch.left() and fault.cluster == cluster:
                switch.used += 1
                return fault
        return None

    def node_join_failure(self, cluster: str, nodegroup: str) -> bool:
        """Whether instances of an update starting now will fail to join; counts the attempt."""
        for switch in self._all():
            fault = switch.fault
            if (
                isinstance(fault, NodeJoinFails)
                and switch.left()
                and (fault.cluster, fault.nodegroup) == (cluster, nodegroup)
            ):
                switch.used += 1
                return True
        return False

    def addon_failure(self, cluster: str, addon: str, version: str) -> Switch | None:
        """The switch that spoils an add-on update starting now; counts the attempt."""
        for switch in self._all():
            fault = switch.fault
            if (
                isinstance(fault, AddonDegrades)
                and switch.left()
                and (fault.cluster, fault.addon) == (cluster, addon)
                and fault.version in (None, version)
            ):
                switch.used += 1
                return switch
        return None

    def budgets_to_block(self, cluster: str, nodegroup: str | None) -> list[BudgetBlocks]:
        """Budgets that turn blocking when an update of that node group begins, or at once for None."""
        return [
            switch.fault
            for switch in self._all()
            if isinstance(switch.fault, BudgetBlocks)
            and switch.on
            and (switch.fault.cluster, switch.fault.nodegroup) == (cluster, nodegroup)
        ]

    def api_resets(self, cluster: str) -> ApiResets | None:
        for switch in self._all():
            if isinstance(switch.fault, ApiResets) and switch.on and switch.fault.cluster == cluster:
                return switch.fault
        return None

    def _all(self) -> list[Switch]:
        return [*self.switches.values()]
