"""User data of launch templates: what is recognised, and that nothing else is kept."""

from __future__ import annotations

import base64
import gzip

import pytest

from upgrade.checks.user_data import flags
from upgrade.gateways.aws.user_data import READ_FLAGS, read_user_data
from upgrade.surroundings import UserData

BOOTSTRAP = """#!/bin/bash
set -ex
export DATABASE_PASSWORD=hunter2
# --cloud-config was here once
/etc/eks/bootstrap.sh prod \\
  --b64-cluster-ca $CA --container-runtime dockerd --docker-config-json '{"auths": "hunter2"}' \\
  --kubelet-extra-args '--node-labels=team=web --keep-terminated-pod-volumes --max-pods=58' --enable-docker-bridge true
"""
NODE_CONFIG = """---
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: prod
    apiServerEndpoint: https://example.com
    certificateAuthority: hunter2
    cidr: 10.100.0.0/16
  kubelet:
    config: {maxPods: 58}
    flags:
      - --node-labels=team=web
      - "--pod-infra-container-image=registry.example.com/pause:3.5"
      - --cgroup-driver=systemd
"""
MIME = f"""MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="//"

--//
Content-Type: text/x-shellscript; charset="us-ascii"

#!/bin/bash
echo hunter2 > /etc/secret

--//
Content-Type: application/node.eks.aws

{NODE_CONFIG}
--//--
"""
SETTINGS = """[settings.kubernetes]
cluster-name = "prod"
[settings.kubernetes.node-labels]
team = "web"
"""


def encoded(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def test_a_bootstrap_script_leaves_its_flags_and_nothing_else() -> None:
    found = read_user_data(encoded(BOOTSTRAP))
    assert found == UserData(
        kind="bootstrap.sh",
        flags=(
            "--container-runtime=dockerd",
            "--docker-config-json",
            "--enable-docker-bridge",
            "--keep-terminated-pod-volumes",
        ),
    )


@pytest.mark.parametrize(
    "text", [NODE_CONFIG, MIME, gzip.compress(MIME.encode(), mtime=0), "\n" + MIME.replace("\n", "\r\n")]
)
def test_a_node_config_is_found_alone_in_parts_and_packed(text: str | bytes) -> None:
    found = read_user_data(encoded(text))
    assert found.kind == "nodeadm"
    assert found.flags == ("--cgroup-driver", "--pod-infra-container-image")
    assert found.cluster_keys == ("apiServerEndpoint", "certificateAuthority", "cidr")
    assert "hunter2" not in found.model_dump_json()


def test_a_node_config_tells_which_keys_it_lacks() -> None:
    without = "\n".join(line for line in NODE_CONFIG.splitlines() if "cidr" not in line and "apiServer" not in line)
    assert read_user_data(encoded(without)).cluster_keys == ("certificateAuthority",)
    template = NODE_CONFIG.replace("  cluster:", "  cluster: {{ filled in }} [")
    assert read_user_data(encoded(template)).cluster_keys == ("apiServerEndpoint", "certificateAuthority", "cidr")


def test_a_part_may_be_packed_by_itself() -> None:
    part = encoded(gzip.compress(BOOTSTRAP.encode()))
    mime = (
        'Content-Type: multipart/mixed; boundary="x"\nMIME-Version: 1.0\n\n--x\nContent-Type: text/x-shellscript\n'
        f"Content-Transfer-Encoding: base64\n\n{part}\n--x--\n"
    )
    assert read_user_data(encoded(mime)).kind == "bootstrap.sh"


def test_a_script_for_bootstrap_among_nodeadm_parts_is_what_counts() -> None:
    """An AL2023 node has no such script (B-133-02), so its boot would fail."""
    both = MIME.replace("echo hunter2 > /etc/secret", "/etc/eks/bootstrap.sh prod")
    assert read_user_data(encoded(both)).kind == "bootstrap.sh"


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("--kubelet-extra-args '--container-runtime=remote'", ("--container-runtime=remote",)),
        ("--container-runtime-endpoint=unix:///run/containerd.sock", ()),
        ("--container-runtime=$SECRET", ("--container-runtime",)),
        ("sed -i 's/--cloud-config/x/' /etc/systemd/kubelet.service", ("--cloud-config",)),
        ("my--cloud-config", ()),
    ],
)
def test_a_flag_is_the_whole_word_and_its_value_only_where_a_rule_reads_it(text: str, flags: tuple[str, ...]) -> None:
    assert read_user_data(encoded(text)).flags == flags


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (None, "none"),
        ("", "none"),
        (encoded("  \n"), "none"),
        (encoded(SETTINGS), "settings"),
        (encoded("echo hello"), "other"),
        (encoded(b"\x1f\x8bdamaged"), "other"),
        ("not base64 at all!", "other"),
        (encoded(b"\xff\xfe\x00"), "other"),
    ],
)
def test_the_kind_is_told(text: str | None, kind: str) -> None:
    assert read_user_data(text).kind == kind


def test_what_unpacks_to_more_than_a_script_is_cut() -> None:
    bomb = gzip.compress(b" " * 50_000_000 + BOOTSTRAP.encode())
    assert read_user_data(encoded(bomb)).kind == "other"


def test_what_is_kept_is_what_checks_read() -> None:
    read: dict[str, set[str]] = {}
    for flag in flags():
        read.setdefault(flag.flag, set()).add(flag.rule)
    assert {flag: set(rules) for flag, rules in READ_FLAGS.items()} == read
