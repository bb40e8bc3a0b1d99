"""What the ConfigMaps of kube-system say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml

from upgrade.errors import PermanentError

#: Of a line, what is told.
LONGEST_LINE: Final = 200
#: ``username: {{SessionName}}`` is a mapping to YAML, and no text, unless it is quoted (aws-iam-authenticator 0.6.3).
_UNQUOTED: Final = re.compile(r"\s*(?:-\s+)*[\w.-]+:\s+\{")


def principals(data: Mapping[str, str], key: str, member: str) -> list[str]:
    """The ARNs in a list of aws-auth. Raises PermanentError when it is no list of mappings."""
    try:
        entries = yaml.safe_load(data.get(key, "")) or []
        return [str(entry[member]) for entry in entries if member in entry]
    except (yaml.YAMLError, TypeError) as error:
        raise PermanentError(
            f"{key} of the ConfigMap aws-auth is not a list of mappings: {_short(error)}",
            "Repair the ConfigMap: as it is, nobody in it gets in.",
            code="AwsAuthUnreadable",
        ) from None


def unquoted(data: Mapping[str, str]) -> tuple[str, ...]:
    """Lines of aws-auth whose value begins with a brace and is not quoted."""
    lines = (line for key in ("mapRoles", "mapUsers") for line in data.get(key, "").splitlines())
    return tuple(line.strip()[:LONGEST_LINE] for line in lines if _UNQUOTED.match(line))


def kube_proxy_mode(data: Mapping[str, str]) -> str:
    """``mode`` in kube-proxy's configuration, empty when it is not set. Raises PermanentError."""
    try:
        found: Any = yaml.safe_load(data.get("config", "")) or {}
        return str(found.get("mode") or "")
    except (yaml.YAMLError, AttributeError) as error:
        raise PermanentError(
            f"The ConfigMap kube-proxy-config holds no configuration of kube-proxy: {_short(error)}",
            "Look at: kubectl -n kube-system get configmap kube-proxy-config -o yaml",
            code="KubeProxyConfigUnreadable",
        ) from None


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:LONGEST_LINE]
