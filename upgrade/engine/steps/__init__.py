"""One module a kind of step: observe, start, follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from upgrade.engine.steps.addon import AddonKind
from upgrade.engine.steps.announce import AnnounceKind
from upgrade.engine.steps.bake import BakeKind
from upgrade.engine.steps.confirm import ConfirmKind
from upgrade.engine.steps.context import Act, StepContext, StepKind
from upgrade.engine.steps.control_plane import ControlPlaneKind
from upgrade.engine.steps.nodegroup import NodegroupKind
from upgrade.engine.steps.verify import VerifyKind

KINDS: Final[Mapping[str, StepKind[Any]]] = {
    "announce": AnnounceKind(),
    "control-plane": ControlPlaneKind(),
    "addon": AddonKind(),
    "nodegroup": NodegroupKind(),
    "confirm": ConfirmKind(),
    "verify": VerifyKind(),
    "bake": BakeKind(),
}

__all__ = ["KINDS", "Act", "StepContext", "StepKind"]
