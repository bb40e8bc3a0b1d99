"""The manifest of the bot itself: least privilege, and nothing in it that the bot does not know."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from bot.cli import command_named
from bot.config import Settings, load_settings

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
_PROBES: Final = ("startupProbe", "livenessProbe", "readinessProbe")


@pytest.fixture(scope="module")
def manifests() -> dict[str, Any]:
    found = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8"))
    return {manifest["kind"]: manifest for manifest in found}


@pytest.fixture(scope="module")
def pod(manifests: dict[str, Any]) -> Any:
    return manifests["Deployment"]["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def container(pod: Any) -> Any:
    (only,) = pod["containers"]
    return only


def test_one_process_owns_the_database(manifests: dict[str, Any]) -> None:
    spec = manifests["Deployment"]["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")
    assert manifests["PersistentVolumeClaim"]["spec"]["accessModes"] == ["ReadWriteOnce"]


def test_the_pod_meets_the_restricted_pod_security_standard(
    manifests: dict[str, Any], pod: Any, container: Any
) -> None:
    """As https://kubernetes.io/docs/concepts/security/pod-security-standards/ has it."""
    assert manifests["Namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "hostNetwork" not in pod


def test_the_bot_holds_no_token_of_the_cluster_it_runs_in(manifests: dict[str, Any], pod: Any) -> None:
    assert manifests["ServiceAccount"]["automountServiceAccountToken"] is False
    assert pod["automountServiceAccountToken"] is False


def test_the_user_is_the_one_of_the_image(pod: Any) -> None:
    dockerfile = (DEPLOY.parent / "Dockerfile").read_text("utf-8")
    context = pod["securityContext"]
    assert f"USER {context['runAsUser']}:{context['runAsGroup']}\n" in dockerfile
    assert context["fsGroup"] == context["runAsGroup"]


def test_probes_and_arguments_are_commands_of_the_bot(container: Any) -> None:
    commands = [container["args"], *(container[probe]["exec"]["command"][1:] for probe in _PROBES)]
    for name, *options in commands:
        known = {option for param in command_named(name).params for option in param.opts}
        assert set(options) <= known
    assert container["livenessProbe"]["exec"]["command"] == ["eks-upgrade-bot", "healthcheck", "--live"]


def test_every_file_that_the_bot_writes_is_on_a_volume(pod: Any, container: Any) -> None:
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert set(mounts.values()) == {volume["name"] for volume in pod["volumes"]}
    environment = {one["name"]: one["value"] for one in container["env"]}
    for variable in ("EKS_UPGRADE_BOT_DATABASE", "EKS_UPGRADE_BOT_HEALTH_FILE", "EKS_UPGRADE_BOT_CONFIG"):
        assert str(Path(environment[variable]).parent) in mounts


def test_variables_and_settings_are_the_bots(
    manifests: dict[str, Any], container: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (name, text), *more = manifests["ConfigMap"]["data"].items()
    assert more == []
    (tmp_path / name).write_text(text, "utf-8")
    for variable in container["env"]:
        monkeypatch.setenv(variable["name"], variable["value"])
    settings = load_settings(tmp_path / name)
    assert settings.has_approver
    assert settings.clusters[0].change_role is not None
    assert settings.database == Path("/data/eks-upgrade-bot.db")
    assert {variable["name"].removeprefix("EKS_UPGRADE_BOT_").lower() for variable in container["env"]} <= {
        *Settings.model_fields,
        "config",
    }


def test_no_token_stands_in_the_manifest(manifests: dict[str, Any], container: Any) -> None:
    assert "Secret" not in manifests
    assert container["envFrom"] == [{"secretRef": {"name": "eks-upgrade-bot-slack"}}]
