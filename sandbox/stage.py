"""The stage: a world, the faces it shows on loopback, and the environment of whoever wants to live in it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType

import yaml

from sandbox.aws.face import AwsFace
from sandbox.bot_config import bot_config
from sandbox.clock import DomainClock
from sandbox.kube.face import KubeFace
from sandbox.pager import KEY_VARIABLE, Pager
from sandbox.scenario import Scenario
from sandbox.slack import AppManifest, Channel, InstalledApp, RateLimits, SlackFace, User, UserGroup
from sandbox.slack.limits import ACK_SECONDS
from sandbox.world.world import World

FACES = ("aws", "kubernetes", "slack")
NOTICES = "maintenance-notices"
OPERATIONS = "platform-ops"
SECURITY = "security"

# What would lead a process out of the sandbox, and so has to go from the environment of whoever is pointed at it.
TO_UNSET = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CA_BUNDLE",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_ENDPOINT_URL_EKS",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_EC2",
    "AWS_ENDPOINT_URL_IAM",
    "AWS_ENDPOINT_URL_KMS",
    "AWS_ENDPOINT_URL_SSM",
    "AWS_ENDPOINT_URL_AUTO_SCALING",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "KUBECONFIG",
)


class Stage:
    """Everything that is simulated, for one scenario.

    Args:
        scenario: what the world is at its start.
        speed: domain seconds for one real second.
        clock: what the world lives by instead; default: starts at the scenario's date and runs at that speed.
        faces: which of ``FACES`` are served.
        manifest: the Slack app's manifest, as YAML; needed for the Slack face.
        slack_rate_limits: pacing of the Slack face; default: as Slack does.
        slack_seconds: real seconds that Slack gives an app for an ack or a trigger id; default: three, as Slack does.
        home: where the bot's files go; default: a temporary folder that goes with the stage.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        speed: float = 60.0,
        clock: DomainClock | None = None,
        faces: tuple[str, ...] = FACES,
        manifest: str | None = None,
        slack_rate_limits: RateLimits | None = None,
        slack_seconds: float = ACK_SECONDS,
        home: Path | None = None,
    ) -> None:
        self.scenario = scenario
        self.faces = faces
        self._temporary = None if home else tempfile.TemporaryDirectory(prefix="eks-upgrade-sandbox-")
        self.home = home or Path(self._temporary.name if self._temporary else ".")
        self.clock = clock or DomainClock(scenario.date, speed)
        self.world = World(scenario, self.clock)
        # The AWS face checks the Kubernetes face's tokens as STS would, so the two come together.
        self.aws = AwsFace(self.world) if {"aws", "kubernetes"} & set(faces) else None
        self.kube = KubeFace(self.world, self._who_holds) if "kubernetes" in faces else None
        # The bot lives in the first account, as its own user, and assumes the roles made for it in the others.
        self._key = self.aws.issue_bot_credentials() if self.aws else None
        self.slack = None
        if "slack" in faces:
            if manifest is None:
                raise ValueError("the Slack face needs the app's manifest")
            self.slack = _slack_face(scenario, manifest, slack_rate_limits, slack_seconds)
        self.pager = Pager(self.clock.now)

    def start(self) -> Stage:
        self.world.start()
        if self.aws:
            self.aws.start()
        if self.kube:
            self.kube.start()
        if self.slack:
            self.slack.start()
        self.pager.start()
        self._write_files()
        return self

    def stop(self) -> None:
        for face in (self.pager, self.slack, self.kube, self.aws):
            if face is not None:
                face.stop()
        self.world.stop()
        if self._temporary:
            self._temporary.cleanup()

    def __enter__(self) -> Stage:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def config_file(self) -> Path:
        return self.home / "eks-upgrade-bot.yaml"

    def environment(self) -> dict[str, str]:
        """The bot's whole environment, built from an empty one: nothing in it leads anywhere but to loopback."""
        environment = {
            "HOME": str(self.home),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "NO_PROXY": "*",
            "EKS_UPGRADE_BOT_CONFIG": str(self.config_file),
            "EKS_UPGRADE_BOT_CLOCK": self.clock.setting(),
            KEY_VARIABLE: self.pager.key,
        }
        if self.aws and self._key:
            environment |= {
                "AWS_ENDPOINT_URL": self.aws.url,
                "AWS_ACCESS_KEY_ID": self._key.access_key_id,
                "AWS_SECRET_ACCESS_KEY": self._key.secret_access_key,
                "AWS_REGION": self.scenario.clusters[0].region,
                "AWS_CONFIG_FILE": str(self.home / "aws" / "config"),
                "AWS_SHARED_CREDENTIALS_FILE": str(self.home / "aws" / "credentials"),
                "AWS_EC2_METADATA_DISABLED": "true",
            }
        if self.slack:
            environment |= self.slack.environment()
        return environment

    def _who_holds(self, token: str, cluster_name: str) -> str:
        """The principal behind a cluster token, checked as STS would check it."""
        if self.aws is None:
            raise PermissionError("there is no STS")
        return self.aws.verify_token(token, cluster_name).arn

    def _write_files(self) -> None:
        (self.home / "aws").mkdir(parents=True, exist_ok=True)
        for name in ("config", "credentials"):
            (self.home / "aws" / name).write_text("")
        config = bot_config(
            self.scenario,
            home=self.home,
            usergroups=self.slack.workspace.usergroups.values() if self.slack else (),
            announcements=NOTICES,
            operations=OPERATIONS,
            security=SECURITY if self.slack else None,
            pager=self.pager.url,
            rate=self.clock.rate,
        )
        self.config_file.write_text(yaml.safe_dump(config, sort_keys=False))


def _slack_face(scenario: Scenario, manifest: str, rate_limits: RateLimits | None, seconds: float) -> SlackFace:
    people = [User(person.name, person.real_name, id=person.id, tz=person.time_zone) for person in scenario.people]
    handles = sorted({group for person in scenario.people for group in person.groups})
    groups = [
        UserGroup(handle, [person.id for person in scenario.people if handle in person.groups]) for handle in handles
    ]
    owners = dict.fromkeys(name for cluster in scenario.clusters for name in cluster.channels)
    ours = [Channel(name) for name in dict.fromkeys((OPERATIONS, NOTICES, *owners, SECURITY))]
    channels = [*ours, Channel("general", bot_is_member=False)]
    app = InstalledApp.install(AppManifest.from_yaml(manifest))
    return SlackFace(
        people, channels, groups, app=app, rate_limits=rate_limits, ack_seconds=seconds, trigger_seconds=seconds
    )
