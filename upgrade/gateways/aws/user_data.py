"""What a launch template's user data does at boot. The text may hold secrets: it is read here and not kept."""

from __future__ import annotations

import base64
import binascii
import re
import tomllib
import zlib
from collections.abc import Iterator, Mapping
from email import message_from_bytes
from typing import Any, Final

import yaml

from upgrade.surroundings import UserData

READ_FLAGS: Final[Mapping[str, tuple[str, ...]]] = {
    "--cgroup-driver": ("B-134-04",),
    "--cloud-config": ("B-134-04",),
    "--container-runtime": ("B-124-03", "B-127-02"),
    "--docker-config-json": ("B-124-03",),
    "--enable-docker-bridge": ("B-124-03",),
    "--keep-terminated-pod-volumes": ("B-131-01",),
    "--pod-infra-container-image": ("B-135-03",),
}
"""The flags that are kept, each with the rules that read it; every other word of user data is left behind."""

#: ``dockerd`` and ``containerd`` are words of bootstrap.sh (B-124-03), the others of the kubelet (B-127-02).
_KEPT_VALUES: Final = {"--container-runtime": re.compile(r"dockerd|containerd|docker|remote")}
_CLUSTER_KEYS: Final = ("apiServerEndpoint", "certificateAuthority", "cidr")
# EC2 takes 16 KB; what unpacks to more than this is no script.
_LARGEST: Final = 1_000_000
_GZIP: Final = b"\x1f\x8b"
_FLAG: Final = re.compile(rf"(?<![\w-])({'|'.join(READ_FLAGS)})(?![\w-])(?:[ \t=]+[\"']?([\w.-]+))?")
_BOOTSTRAP: Final = re.compile(r"/etc/eks/bootstrap\.sh\b")
_NODE_CONFIG: Final = re.compile(r"^\s*[\"']?apiVersion[\"']?\s*:\s*[\"']?node\.eks\.aws/", re.MULTILINE)


def read_user_data(encoded: str | None) -> UserData:
    """What user data does, from its base64 text: a script, a NodeConfig, TOML, or MIME parts of these; also gzipped."""
    if not encoded:
        return UserData()
    try:
        raw = base64.b64decode(encoded)
    except (binascii.Error, ValueError):
        return UserData(kind="other")
    if not raw.strip():
        return UserData()
    texts = [_without_comments(text) for text in _parts(raw)]
    together = "\n".join(texts)
    keys = {key for text in texts if _NODE_CONFIG.search(text) for key in _cluster_keys(text)}
    if _BOOTSTRAP.search(together):
        kind = "bootstrap.sh"
    elif _NODE_CONFIG.search(together):
        kind = "nodeadm"
    else:
        kind = "settings" if any(_is_settings(text) for text in texts) else "other"
    return UserData.model_validate(
        {"kind": kind, "flags": _flags(together), "cluster_keys": [key for key in _CLUSTER_KEYS if key in keys]}
    )


def _parts(raw: bytes) -> Iterator[str]:
    """The texts in it: one, or one a MIME part; each may be gzipped by itself."""
    raw = _unpacked(raw)
    if re.match(rb"(?i)\s*(content-type|mime-version)\s*:", raw):
        for part in message_from_bytes(raw.lstrip()).walk():
            if not part.is_multipart():
                content = part.get_payload(decode=True)
                yield _unpacked(content if isinstance(content, bytes) else b"").decode("utf-8", "replace")
    else:
        yield raw.decode("utf-8", "replace")


def _unpacked(raw: bytes) -> bytes:
    if not raw.startswith(_GZIP):
        return raw
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(raw, _LARGEST)
    except zlib.error:
        return b""


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


def _flags(text: str) -> tuple[str, ...]:
    found = set()
    for flag, value in _FLAG.findall(text):
        kept = flag in _KEPT_VALUES and _KEPT_VALUES[flag].fullmatch(value)
        found.add(f"{flag}={value}" if kept else flag)
    return tuple(sorted(found))


def _cluster_keys(text: str) -> Iterator[str]:
    """The keys of ``spec.cluster`` that have a value in a NodeConfig."""
    try:
        documents: list[Any] = list(yaml.safe_load_all(text))
    except yaml.YAMLError:
        # A template that a script fills in need not be YAML before it runs.
        yield from (key for key in _CLUSTER_KEYS if re.search(rf"^\s*{key}\s*:\s*\S", text, re.MULTILINE))
        return
    for document in documents:
        spec = document.get("spec") if isinstance(document, dict) else None
        cluster = spec.get("cluster") if isinstance(spec, dict) else None
        if isinstance(cluster, dict):
            yield from (key for key in _CLUSTER_KEYS if cluster.get(key))


def _is_settings(text: str) -> bool:
    """Bottlerocket's settings are TOML."""
    try:
        return "settings" in tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return False
