"""Scenario files: what the world is at its start, what goes wrong in it, who lives in it and how the story should end.

Strict: an unknown key or a wrong type is an error with the path of the field. Versions must be quoted in YAML ("1.30",
else 1.3). `docs/scenarios.md` explains the same fields for people.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)

from sandbox.contradictions import contradictions
from sandbox.objects_spec import ObjectSpec
from sandbox.surroundings_spec import STRICT, SurroundingsSpec

SHIPPED = Path(__file__).parent / "scenarios"

KubernetesVersionText = Annotated[str, Field(pattern=r"^1\.\d{1,3}$")]
ObjectName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$")]
AccountId = Annotated[str, Field(pattern=r"^\d{12}$")]


def _count_or_share(value: Any) -> Any:
    if (type(value) is int and value >= 0) or (isinstance(value, str) and re.fullmatch(r"\d{1,3}%", value)):
        return value
    raise ValueError('a number of pods, or a share such as "25%"')


IntOrPercent = Annotated[int | str, BeforeValidator(_count_or_share)]


class ScenarioError(ValueError):
    """The scenario file is wrong. `problems` holds one clear line each, with the path of the field."""

    def __init__(self, source: str, problems: list[str]) -> None:
        super().__init__("\n".join(f"{source}: {problem}" for problem in problems))
        self.source = source
        self.problems = problems


class Part(BaseModel):
    """A part of a scenario: nothing unknown, nothing coerced, nothing changed afterwards."""

    model_config = STRICT


class HealthIssueSpec(Part):
    """A health issue that is there from the start."""

    code: str
    message: str
    resource_ids: list[str] = []


class SubnetSpec(Part):
    """A cluster subnet. Without a list a cluster gets one subnet a zone, with 2,000 free addresses each."""

    zone: Annotated[str, Field(pattern=r"^[a-z]$", description="last letter of the zone")]
    free_addresses: Annotated[int, Field(ge=0)] = 2000
    deleted: bool = False
    """The cluster still names it, but EC2 no longer has it."""


class AddonSpec(Part):
    """A managed add-on."""

    name: ObjectName
    version: str | None = None
    """Default: what EKS calls the default for the cluster's version at the scenario's date."""
    status: Literal["ACTIVE", "DEGRADED", "UPDATE_FAILED"] = "ACTIVE"
    health: list[HealthIssueSpec] = []
    configuration_values: str | None = None
    role: str | None = None
    """Name of its service account's IAM role, made with the add-on."""


class NodegroupSpec(Part):
    """A managed node group, or nodes of another kind (`kind`)."""

    name: ObjectName
    size: Annotated[int, Field(ge=0, le=100)] = 3
    kind: Literal["managed", "self-managed", "karpenter", "fargate"] = "managed"
    version: KubernetesVersionText | None = None
    """Default: the cluster's version."""
    max_size: Annotated[int, Field(ge=1, le=100)] | None = None
    """Default: twice the size."""
    zones: list[Annotated[str, Field(pattern=r"^[a-z]$")]] = []
    """Default: all zones of the cluster."""
    max_unavailable: Annotated[int, Field(ge=1, le=100)] | None = None
    max_unavailable_percentage: Annotated[int, Field(ge=1, le=100)] | None = None
    strategy: Literal["DEFAULT", "MINIMAL"] = "DEFAULT"
    ami_type: Literal["AL2023_x86_64_STANDARD", "AL2_x86_64", "BOTTLEROCKET_x86_64", "CUSTOM"] | None = None
    """Default: AL2023 from 1.30 on, AL2 before."""
    instance_type: str = "m5.xlarge"
    capacity_type: Literal["ON_DEMAND", "SPOT"] = "ON_DEMAND"
    launch_template: bool = False
    """The group was made with a launch template of its own."""
    newer_template: bool = False
    """That launch template has a version that the group does not use yet."""
    user_data: str = ""
    """Of that launch template."""
    hop_limit: Annotated[int, Field(ge=1, le=64)] = 2
    """How far an answer of the instance metadata service goes; with 1, pods do not get it."""
    pods_per_node: Annotated[int, Field(ge=4, le=250)] = 58
    labels: dict[str, str] = {}
    taints: list[Annotated[str, Field(pattern=r"^[^=:]+(=[^:]*)?:(NoSchedule|PreferNoSchedule|NoExecute)$")]] = []
    status: Literal["ACTIVE", "DEGRADED"] = "ACTIVE"
    health: list[HealthIssueSpec] = []

    @model_validator(mode="after")
    def _one_way_to_say_parallelism(self) -> NodegroupSpec:
        if self.max_unavailable is not None and self.max_unavailable_percentage is not None:
            raise ValueError("give max_unavailable or max_unavailable_percentage, not both")
        return self


class BudgetSpec(Part):
    """A PodDisruptionBudget over a workload's pods; its name is the workload's unless given."""

    name: ObjectName | None = None
    min_available: IntOrPercent | None = None
    max_unavailable: IntOrPercent | None = None

    @model_validator(mode="after")
    def _exactly_one_limit(self) -> BudgetSpec:
        if (self.min_available is None) == (self.max_unavailable is None):
            raise ValueError("give exactly one of min_available and max_unavailable")
        return self


class WorkloadSpec(Part):
    """Something that runs pods. Its pods carry the label `app: NAME`."""

    name: ObjectName
    namespace: ObjectName = "default"
    kind: Literal["Deployment", "StatefulSet", "DaemonSet", "Job", "Pod"] = "Deployment"
    replicas: Annotated[int, Field(ge=0, le=200)] = 2
    image: str = "registry.example.com/app:1.0.0"
    grace_seconds: Annotated[int, Field(ge=0, le=7200)] = 30
    pdb: BudgetSpec | None = None
    second_pdb: BudgetSpec | None = None
    """A second budget over the same pods, which makes every eviction fail."""
    service: bool = False
    node_selector: dict[str, str] = {}
    tolerates: list[str] = []
    """Taint keys that its pods tolerate; `*` for all."""
    one_per_node: bool = False
    """Required anti-affinity on the host name."""
    autoscaled: bool = False
    """A HorizontalPodAutoscaler owns the replica count."""
    duration_minutes: Annotated[int, Field(ge=1)] = 30
    """Jobs only: how long the pod runs."""
    never_ready: bool = False
    """Its pods run but do not become Ready: a workload that is already unwell at the start."""


class DeprecatedUseSpec(Part):
    """Calls to an API that a later version no longer serves."""

    usage: str
    replaced_with: str
    stop_serving_version: KubernetesVersionText
    start_serving_replacement_version: KubernetesVersionText
    user_agent: str
    requests_last_30_days: Annotated[int, Field(ge=0)] = 1200
    last_request_hours_ago: Annotated[float, Field(ge=0)] = 5.0


class ClusterSpec(Part):
    """An EKS cluster."""

    name: Annotated[str, Field(pattern=r"^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$")]
    version: KubernetesVersionText
    account: AccountId = "111122223333"
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")] = "eu-central-1"
    environment: ObjectName = "prod"
    time_zone: str = "Europe/Berlin"
    owner: str = "platform team"
    channels: list[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,79}$")]] = []
    """Slack channels, made with the workspace, where its owners read their own copy of each notice."""
    critical_namespaces: list[ObjectName] = []
    """Namespaces labelled critical besides kube-system: what gets worse there pauses a run."""
    idle_namespaces: list[ObjectName] = []
    """Namespaces in which nobody may work when an upgrade begins, as the bot's configuration says."""
    support_type: Literal["STANDARD", "EXTENDED"] = "EXTENDED"
    authentication_mode: Literal["API", "API_AND_CONFIG_MAP", "CONFIG_MAP"] = "API_AND_CONFIG_MAP"
    subnets: Annotated[list[SubnetSpec], Field(min_length=1)] = [
        SubnetSpec(zone="a"),
        SubnetSpec(zone="b"),
        SubnetSpec(zone="c"),
    ]
    encryption_key: Literal["none", "Enabled", "Disabled", "PendingDeletion"] = "none"
    """State of the KMS key for secrets, or `none`."""
    role: Literal["present", "missing", "wrong-trust", "narrow"] = "present"
    """The cluster's IAM role; a narrow one may only look at instances."""
    log_types: list[Literal["api", "audit", "authenticator", "controllerManager", "scheduler"]] = ["api", "audit"]
    health: list[HealthIssueSpec] = []
    deprecated_uses: list[DeprecatedUseSpec] = []
    insights_hours_old: Annotated[float, Field(ge=0)] = 6.0
    addons: list[AddonSpec] = [
        AddonSpec(name="vpc-cni"),
        AddonSpec(name="kube-proxy"),
        AddonSpec(name="coredns"),
    ]
    nodegroups: list[NodegroupSpec] = []
    workloads: list[WorkloadSpec] = []
    objects: list[ObjectSpec] = []
    """More Kubernetes objects, as `kubectl` would apply them."""
    surroundings: SurroundingsSpec = SurroundingsSpec()
    bot_can: Literal["change", "read", "nothing"] = "change"
    """What the roles made for the bot may do in this cluster's account and API."""
    bot_lacks: list[Annotated[str, Field(pattern=r"^[a-z0-9-]+:[A-Za-z]+$")]] = []
    """IAM actions that those roles lack, in the whole account."""
    reach: Literal["direct", "aws-only"] = "direct"
    """How the bot reaches the cluster's API, as its configuration says."""


class AddonDegrades(Part):
    """The add-on's new pods do not become Ready, so the update fails and the add-on is DEGRADED."""

    kind: Literal["addon-degrades"]
    cluster: str
    addon: str
    version: str | None = None
    """Only on an update to this version; default: any."""
    attempts: Annotated[int, Field(ge=1)] | None = None
    """Only the first so many updates; default: until it is switched off."""


class NodeJoinFails(Part):
    """New instances of the group do not join: NodeCreationFailure after 15 minutes."""

    kind: Literal["node-join-fails"]
    cluster: str
    nodegroup: str
    attempts: Annotated[int, Field(ge=1)] | None = None


class BudgetBlocks(Part):
    """A PodDisruptionBudget turns to allowing no disruption, at once or when an update of `nodegroup` begins."""

    kind: Literal["pdb-blocks"]
    cluster: str
    namespace: str
    name: str
    nodegroup: str | None = None


class GroupsMustMatch(Part):
    """EKS refuses a control-plane update while node groups are behind (C-06)."""

    kind: Literal["groups-must-match"]
    cluster: str


class ControlPlaneFails(Part):
    """Control-plane updates fail with this code and EKS goes back to the former version."""

    kind: Literal["control-plane-fails"]
    cluster: str
    code: str = "EniLimitReached"
    message: str = "Your account has reached its limit of elastic network interfaces in this Region."
    attempts: Annotated[int, Field(ge=1)] | None = None


class ActionDenied(Part):
    """An IAM action is denied to everybody, for example `eks:UpdateAddon`."""

    kind: Literal["deny-action"]
    action: Annotated[str, Field(pattern=r"^[a-z0-9-]+:[A-Za-z0-9*]+$")]


class VerbDenied(Part):
    """A Kubernetes verb on a resource is denied to everybody, for example `list` on `nodes`."""

    kind: Literal["deny-rbac"]
    verb: str
    resource: str


class CallsThrottled(Part):
    """The next calls of an operation (`DescribeUpdate`) answer ThrottlingException."""

    kind: Literal["throttle"]
    operation: str
    calls: Annotated[int, Field(ge=1)] = 3


class ApiResets(Part):
    """For a while after a control-plane update the API server cuts connections now and then."""

    kind: Literal["api-resets"]
    cluster: str
    seconds: Annotated[int, Field(ge=1)] = 90


Fault = Annotated[
    AddonDegrades
    | NodeJoinFails
    | BudgetBlocks
    | GroupsMustMatch
    | ControlPlaneFails
    | ActionDenied
    | VerbDenied
    | CallsThrottled
    | ApiResets,
    Field(discriminator="kind"),
]


class PersonSpec(Part):
    """Somebody in the Slack workspace."""

    id: Annotated[str, Field(pattern=r"^U[A-Z0-9]{2,20}$")]
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9._-]*$")]
    real_name: str
    groups: list[str] = []
    """Handles of the user groups they are in.

    The sandbox gives the bot the roles operators, approvers and admins by these, and calls `on-call`.
    """
    time_zone: str = "Europe/Berlin"


class StartSpec(Part):
    """What a person types to begin the story."""

    person: str
    cluster: str
    to: KubernetesVersionText | None = None
    options: str = ""
    """The rest of the command, for example `only control-plane` or `nodes every-hop`."""

    def command(self, slash: str = "/eks-upgrade") -> str:
        target = f" to {self.to}" if self.to else ""
        return f"{slash} start {self.cluster}{target}{' ' + self.options if self.options else ''}"


class PausedAt(Part):
    """Where the run stands still: the step's id begins with `step`, and its story has all `words`."""

    step: str
    words: list[str] = []


class Reaction(Part):
    """What the autopilot does when something happens: press a button, at most `times` times."""

    when: Literal["awaiting-approval", "paused", "blocked", "confirm"]
    press: Literal["approve", "retry", "abort", "recheck", "confirm", "resume", "waive", "reject"]
    person: str
    times: Annotated[int, Field(ge=1)] = 1
    step: str | None = None
    """Only when the run stands at a step whose id begins so."""
    switch_off: list[str] = []
    """Kinds of faults that are switched off first (somebody repaired the world)."""


class CheckSpec(Part):
    """What `eks-upgrade-bot check` says of a cluster."""

    cluster: str
    to: KubernetesVersionText
    exit_code: Literal[0, 20, 21]
    findings: list[Annotated[str, Field(pattern=r"^[A-Z]{3}\d{3}$")]] = []
    """Codes of all findings but those that merely could not be looked at."""


class ExpectedSpec(Part):
    """How the story ends. Counts are of updates that took effect in the world; what is not given is not compared."""

    status: Literal["succeeded", "blocked", "paused", "failed", "aborted", "rejected", "expired"]
    version: KubernetesVersionText | None = None
    """Version of the control plane at the end."""
    control_plane_updates: Annotated[int, Field(ge=0)] | None = None
    nodegroup_updates: dict[str, Annotated[int, Field(ge=0)]] = {}
    addon_updates: dict[str, Annotated[int, Field(ge=0)]] = {}
    addon_versions: dict[str, str] = {}
    nodegroup_versions: dict[str, KubernetesVersionText] = {}
    paused_at: PausedAt | None = None
    findings: list[str] = []
    """Codes (or words) of the findings that block."""
    checks: list[CheckSpec] = []
    """What a readiness check finds before anything was done."""


class Scenario(Part):
    """A whole scenario file."""

    name: ObjectName
    description: str
    date: AwareDatetime
    """Domain time at the start; decides which versions, add-on versions and AMI releases EKS offers."""
    seed: int = 1
    versions: list[KubernetesVersionText] | None = None
    """Cluster versions that EKS offers; default: those of the calendar at that date."""
    account_names: dict[AccountId, str] = {}
    clusters: Annotated[list[ClusterSpec], Field(min_length=1)]
    faults: list[Fault] = []
    people: list[PersonSpec] = [
        PersonSpec(id="U0ANA", name="ana", real_name="Ana Ortiz", groups=["operators"]),
        PersonSpec(id="U0BEN", name="ben", real_name="Ben Fischer", groups=["operators", "approvers"]),
        PersonSpec(
            id="U0CHI",
            name="chi",
            real_name="Chi Nguyen",
            groups=["approvers", "admins", "on-call"],
            time_zone="America/New_York",
        ),
        PersonSpec(id="U0DEV", name="dev", real_name="Dev Patel", groups=[], time_zone="Asia/Kolkata"),
    ]
    start: StartSpec
    reactions: list[Reaction] = [Reaction(when="awaiting-approval", press="approve", person="ben", times=20)]
    expected: ExpectedSpec
    bot: dict[str, JsonValue] = {}
    """Merged as it is into the configuration file that the sandbox writes for the bot."""

    def cluster(self, name: str) -> ClusterSpec:
        """The cluster of that name. Raises KeyError."""
        return next(cluster for cluster in self.clusters if cluster.name == name)


def shipped_scenarios() -> list[str]:
    """Names of the scenarios in this package."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def load_scenario(name_or_path: str | Path) -> Scenario:
    """The shipped scenario of that name, or the one in that YAML file. Raises ScenarioError."""
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        if str(name_or_path) not in shipped_scenarios():
            known = ", ".join(shipped_scenarios())
            raise ScenarioError(str(name_or_path), [f"no such scenario; shipped are {known}; a file ends in .yaml"])
        path = SHIPPED / f"{name_or_path}.yaml"
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ScenarioError(str(path), [f"cannot be read: {error.strerror}"]) from error
    return parse_scenario(text, str(path))


def parse_scenario(text: str, source: str = "scenario") -> Scenario:
    """A scenario from YAML text. Raises ScenarioError with every problem at once."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ScenarioError(source, [f"not YAML: {' '.join(str(error).split())}"]) from error
    if not isinstance(content, dict):
        raise ScenarioError(source, ["a scenario is a mapping with name, date, clusters, start and expected"])
    try:
        scenario = Scenario.model_validate(content)
    except ValidationError as error:
        raise ScenarioError(source, [_line(problem) for problem in error.errors()]) from error
    problems = contradictions(scenario)
    if problems:
        raise ScenarioError(source, problems)
    return scenario


def _line(problem: Any) -> str:
    kinds = {"addon-degrades", "node-join-fails", "pdb-blocks", "groups-must-match", "control-plane-fails"}
    kinds |= {"deny-action", "deny-rbac", "throttle", "api-resets"}
    path = ".".join(str(part) for part in problem["loc"] if part not in kinds)
    message = re.sub(r"^Value error, ", "", problem["msg"])
    if problem["type"] == "extra_forbidden":
        message = "no such field"
    elif problem["type"] == "missing":
        message = "is missing"
    elif problem["type"] == "string_type" and isinstance(problem["input"], float):
        message = f'write the version in quotes ("{problem["input"]}"), YAML reads it as a number'
    else:
        message = f"{message[:1].lower()}{message[1:]}, not {problem['input']!r}"[:300]
    return f"{path or 'scenario'}: {message}"
