"""A small world with its Kubernetes face: raw requests over TLS, the Kubernetes client, and kubectl."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import kubernetes
import pytest
import urllib3
import yaml

from sandbox.clock import DomainClock, ManualClock
from sandbox.kube.face import KubeFace
from sandbox.scenario import parse_scenario
from sandbox.world.model import Cluster
from sandbox.world.world import World
from tests.patience import LONGEST

SCENARIO = """
name: kube-face
description: A small cluster.
date: 2026-11-17T09:00:00Z
seed: 7
clusters:
  - name: prod-eu
    version: "{version}"
    addons: [{{name: vpc-cni}}, {{name: kube-proxy}}, {{name: coredns}}, {{name: aws-ebs-csi-driver}}]
    nodegroups: [{{name: core, size: 3}}]
    workloads:
      - {{namespace: shop, name: cart, replicas: 3, pdb: {{min_available: 2}}, service: true, grace_seconds: 20}}
      - {{namespace: shop, name: search, kind: StatefulSet, replicas: 2}}
      - {{namespace: shop, name: agent, kind: DaemonSet}}
      - {{namespace: shop, name: prices, replicas: 2, autoscaled: true}}
      - {{namespace: batch, name: report, kind: Job, replicas: 1, duration_minutes: 20}}
    deprecated_uses:
      - usage: /apis/flowcontrol.apiserver.k8s.io/v1beta3/flowschemas
        replaced_with: /apis/flowcontrol.apiserver.k8s.io/v1/flowschemas
        stop_serving_version: "1.32"
        start_serving_replacement_version: "1.29"
        user_agent: old-operator/1.0
start: {{person: ana, cluster: prod-eu, to: "{next}"}}
expected: {{status: succeeded}}
"""
BOT_ARN = "arn:aws:sts::111122223333:assumed-role/eks-upgrade-bot-read/run-1"


def make_scenario(version: str = "1.34") -> str:
    major, minor = version.split(".")
    return SCENARIO.format(version=version, next=f"{major}.{int(minor) + 1}")


@dataclass
class Reply:
    """A raw answer."""

    code: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Api:
    """A cluster behind its face. `token` is the administrator's."""

    world: World
    face: KubeFace
    cluster: Cluster
    kubeconfig: dict[str, Any]

    def __post_init__(self) -> None:
        ca = base64.b64decode(self.cluster.certificate_authority).decode()
        self.token: str = self.kubeconfig["users"][0]["user"]["token"]
        self._pool = urllib3.PoolManager(ca_cert_data=ca, retries=False, timeout=LONGEST)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = "admin",
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Reply:
        headers = {"Accept": accept}
        if token is not None:
            headers["Authorization"] = f"Bearer {self.token if token == 'admin' else token}"
        if body is not None:
            headers["Content-Type"] = content_type
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        found = self._pool.request(method, self.cluster.endpoint + path, body=body, headers=headers)
        return Reply(found.status, found.data.decode(), dict(found.headers))

    def get(self, path: str, **options: Any) -> Any:
        """The JSON of a GET that succeeds."""
        reply = self.call("GET", path, **options)
        assert reply.code == 200, reply.text
        return reply.json

    def client(self, name: str) -> Any:
        """The Kubernetes client's `CoreV1Api` or another, with the administrator's token."""
        connect: Any = kubernetes.config.new_client_from_config_dict
        return getattr(kubernetes.client, name)(connect(self.kubeconfig))

    def pass_time(self, **duration: float) -> None:
        """Lets domain time pass; only with a clock that stands still."""
        assert isinstance(self.world.clock, ManualClock)
        self.world.clock.advance(timedelta(**duration))
        self.world.settle()


def check_token(token: str, cluster_name: str) -> str:
    """Stands for EKS's authenticator: `k8s-aws-v1.CLUSTER.ROLE` proves a session of ROLE."""
    _, _, rest = token.partition("k8s-aws-v1.")
    cluster, _, role = rest.partition(".")
    if cluster != cluster_name:
        raise PermissionError("made for another cluster")
    return f"arn:aws:sts::111122223333:assumed-role/{role}/run-1"


def serve(world: World) -> Iterator[Api]:
    face = KubeFace(world, check_token)
    face.start()
    try:
        cluster = world.clusters()[0]
        yield Api(world, face, cluster, yaml.safe_load(face.kubeconfig(cluster)))
    finally:
        face.stop()
        world.stop()


@pytest.fixture
def api() -> Iterator[Api]:
    """A cluster whose time stands still until the test moves it."""
    scenario = parse_scenario(make_scenario())
    yield from serve(World(scenario, ManualClock(scenario.date)))


@pytest.fixture
def api_of() -> Iterator[Callable[[str], Api]]:
    """Makes a standing cluster of a Kubernetes version."""
    running: list[Iterator[Api]] = []

    def make(version: str) -> Api:
        scenario = parse_scenario(make_scenario(version).replace("2026-11-17", "2022-05-17"))
        running.append(serve(World(scenario, ManualClock(scenario.date))))
        return next(running[-1])

    yield make
    for served in running:
        next(served, None)


@pytest.fixture
def live() -> Iterator[Api]:
    """A cluster in which a minute passes in half a second."""
    scenario = parse_scenario(make_scenario())
    world = World(scenario, DomainClock(scenario.date, 120))
    world.start()
    yield from serve(world)


Kubectl = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def kubectl(live: Api, tmp_path: Path) -> Kubectl:
    """Runs the real kubectl against the live cluster."""
    config = tmp_path / "kubeconfig"
    config.write_text(yaml.safe_dump(live.kubeconfig))
    environment = {"KUBECONFIG": str(config), "HOME": str(tmp_path), "PATH": "/usr/local/bin:/usr/bin:/bin"}

    def run(*arguments: str, expect: int = 0, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["kubectl", *arguments],
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done

    return run
