"""What an approved plan has pinned, for planning the rest of it: a newer release does not change a plan."""

from __future__ import annotations

from dataclasses import dataclass, field

from upgrade.plan import AddonStep, ControlPlaneStep, NodegroupStep, UpgradePlan
from upgrade.versions import AddonVersion, KubernetesVersion


@dataclass(frozen=True)
class Pins:
    """What to keep; empty without an approved plan.

    Args:
        addon_versions: by phase id and add-on: the version after that phase.
        addon_steps: by add-on: every version that it is to pass through.
        rotations: node group and version: where a rotation was approved. A C-06 branch that was taken must not move it
            to another version.
        releases: AMI release by node group and version, of the branches too.
    """

    addon_versions: dict[tuple[str, str], AddonVersion] = field(default_factory=dict)
    addon_steps: dict[str, frozenset[AddonVersion]] = field(default_factory=dict)
    rotations: set[tuple[str, KubernetesVersion]] = field(default_factory=set)
    releases: dict[tuple[str, KubernetesVersion], str] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: UpgradePlan | None) -> Pins:
        if plan is None:
            return cls()
        pins = cls(
            {(phase, name): v for phase, versions in plan.addon_versions.items() for name, v in versions.items()}
        )
        for _, step in plan.steps():
            if isinstance(step, AddonStep):
                pins.addon_steps[step.name] = pins.addon_steps.get(step.name, frozenset()) | {step.version}
            elif isinstance(step, NodegroupStep):
                pins.rotations.add((step.name, step.version))
                pins.add_release(step)
            elif isinstance(step, ControlPlaneStep):
                for branch in step.if_groups_must_match:
                    pins.add_release(branch)
        return pins

    def add_release(self, step: NodegroupStep) -> None:
        if step.release_version:
            self.releases[step.name, step.version] = step.release_version
