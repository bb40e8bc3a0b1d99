from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.upgrade.gateways.aws_stub import AwsStub, serving
from tests.upgrade.gateways.kube_stub import Authority, KubeStub, Make, Tokens, serving_tls
from upgrade.gateways.aws.sessions import AwsSessions
from upgrade.gateways.kube import line
from upgrade.gateways.kube.connection import Endpoint
from upgrade.gateways.kube.gateway import HttpKubeGateway


@pytest.fixture
def aws_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An AWS environment of our own: keys that open nothing, and nothing of the machine's."""
    own_aws_environment(monkeypatch, tmp_path)
    return monkeypatch


def own_aws_environment(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIABOTSOWNKEY000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own-secret")


@pytest.fixture
def aws_stub(aws_environment: pytest.MonkeyPatch) -> Iterator[AwsStub]:
    with serving(AwsStub()) as stub:
        aws_environment.setenv("AWS_ENDPOINT_URL", stub.url)
        yield stub


@pytest.fixture(scope="module")
def standing_aws_stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AwsStub, AwsSessions]]:
    """A stub for many tests, with sessions that talk to it: making the clients is most of a snapshot's time."""
    with pytest.MonkeyPatch.context() as environment, serving(AwsStub()) as stub:
        own_aws_environment(environment, tmp_path_factory.mktemp("aws"))
        environment.setenv("AWS_ENDPOINT_URL", stub.url)
        yield stub, AwsSessions()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def kube_stub(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubeStub]:
    monkeypatch.setattr(line, "FIRST_PAUSE_SECONDS", 0.001)
    with serving_tls(KubeStub(), authority) as stub:
        yield stub


@pytest.fixture
def make(kube_stub: KubeStub, authority: Authority) -> Iterator[Make]:
    """Makes gateways to the stub; each call to ``locate`` takes the next of the endpoints, the last one stays."""
    made: list[HttpKubeGateway] = []

    def gateway(*endpoints: Endpoint, tokens: Tokens | None = None) -> HttpKubeGateway:
        left = list(endpoints or [Endpoint(kube_stub.url, authority.data)])
        kube = HttpKubeGateway("prod", lambda: left.pop(0) if len(left) > 1 else left[0], tokens or Tokens())
        made.append(kube)
        return kube

    yield gateway
    for kube in made:
        kube.close()
