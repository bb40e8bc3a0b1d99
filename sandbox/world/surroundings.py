"""What stands around a cluster in its account and is not EKS: stacks, backups, quotas, who called its API.

Read by the AWS face; nothing here changes by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

QUOTAS = {("ec2", "L-1216C47A"): 1920.0, ("ebs", "L-7A658B76"): 300.0}
"""Applied quotas of an account, by service and code: vCPUs of standard instances, TiB of gp3."""

DEFAULT_QUOTAS = {
    ("ec2", "L-1216C47A"): ("Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 5.0),
    ("ebs", "L-D18FCD1D"): ("Storage for General Purpose SSD (gp2) volumes, in TiB", 50.0),
    ("ebs", "L-7A658B76"): ("Storage for General Purpose SSD (gp3) volumes, in TiB", 50.0),
}
"""AWS's own defaults, with the quota's name. Service Quotas knows no applied value where nobody ever asked for more."""


@dataclass(slots=True)
class Stack:
    """A CloudFormation stack. `template` is its text, JSON or YAML; `parameters` as they were given."""

    name: str
    template: str
    parameters: dict[str, str] = field(default_factory=dict)

    def arn(self, account: str, region: str) -> str:
        return f"arn:aws:cloudformation:{region}:{account}:stack/{self.name}/51af3dc0-da77-11e4-872e-1234567db123"


@dataclass(slots=True)
class Surroundings:
    """Of one cluster.

    `recovery_points`: when AWS Backup completed one. `resilience_apps`: applications in Resilience Hub that it is a
    source of. `stale_tokens`: users who call with a token that should have been renewed long ago.
    """

    recovery_points: list[datetime] = field(default_factory=list)
    resilience_apps: list[str] = field(default_factory=list)
    stale_tokens: list[str] = field(default_factory=list)
