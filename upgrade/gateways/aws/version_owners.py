"""Which tools declare the cluster's version (A-33): from its tags, and from the template of its stack."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import yaml

from upgrade.versions import KubernetesVersion

Json = Mapping[str, Any]

_STACK_NAME: Final = "aws:cloudformation:stack-name"
_STACK_ID: Final = "aws:cloudformation:stack-id"
_LOGICAL_ID: Final = "aws:cloudformation:logical-id"
_EKSCTL: Final = "alpha.eksctl.io/"
# There is no standard; these are what modules, landing zones and people write.
_TERRAFORM_KEY: Final = re.compile(r"(?i)^(terraform|opentofu)([-_:./].*)?$|^tf[-_:./]")
_MANAGER_KEY: Final = re.compile(r"(?i)^(managed|created|provisioned)[-_ ]?by$|^(provisioner|iac|source|githubrepo)$")
_TERRAFORM_VALUE: Final = re.compile(r"(?i)\b(terraform|opentofu)\b")
_WORKSPACE_KEY: Final = re.compile(r"(?i)workspace")
_FALSE: Final = frozenset({"false", "no", "0", "none"})
_CLUSTER: Final = "AWS::EKS::Cluster"
#: Clusters of CDK's older construct are made by a Lambda function behind this resource.
_CDK_CLUSTER: Final = "Custom::AWSCDK-EKS-Cluster"
_SUBSTITUTED: Final = re.compile(r"^\$\{([\w:]+)\}$")


@dataclass(frozen=True)
class Stack:
    """A stack that made the cluster.

    Args:
        id: its name or ARN, as CloudFormation takes it.
        logical_id: the cluster's name inside the template, when the tags tell.
    """

    id: str
    name: str
    logical_id: str | None
    by_eksctl: bool
    evidence: str


def stack_of(tags: Mapping[str, str], cluster: str) -> Stack | None:
    """The stack that the cluster's tags name; eksctl's own name for it where they only name eksctl."""
    eksctl = next((key for key in sorted(tags) if key.startswith(_EKSCTL)), None)
    name = tags.get(_STACK_NAME) or (f"eksctl-{cluster}-cluster" if eksctl else "")
    if not name:
        return None
    return Stack(
        id=tags.get(_STACK_ID) or name,
        name=name,
        logical_id=tags.get(_LOGICAL_ID),
        by_eksctl=eksctl is not None or name.startswith("eksctl-"),
        evidence=f"tag {eksctl or _STACK_NAME}",
    )


def terraform_in(tags: Mapping[str, str]) -> tuple[str, str] | None:
    """The workspace, as far as it is told, and the tag that speaks of Terraform; None when no tag does."""
    for key, value in sorted(tags.items()):
        speaks = _TERRAFORM_KEY.search(key) and value.lower() not in _FALSE
        if speaks or (_MANAGER_KEY.search(key) and _TERRAFORM_VALUE.search(value)):
            workspace = next((value for key, value in sorted(tags.items()) if _WORKSPACE_KEY.search(key)), "")
            return workspace, f"tag {key}"
    return None


def parse_template(body: Any) -> Json:
    """A template as CloudFormation gives it: already parsed when it is JSON, else YAML. Empty when it is neither."""
    if isinstance(body, str):
        try:
            body = yaml.load(body, Loader=_TemplateLoader)  # noqa: S506 - it makes text, lists and mappings only
        except (yaml.YAMLError, RecursionError):
            return {}
    return body if isinstance(body, Mapping) else {}


def tool_of(stack: Stack, template: Json) -> Literal["eksctl", "CloudFormation", "CDK"]:
    if stack.by_eksctl:
        return "eksctl"
    resources = [one for one in _mapping(template.get("Resources")).values() if isinstance(one, Mapping)]
    made_by_cdk = any(
        one.get("Type") in ("AWS::CDK::Metadata", _CDK_CLUSTER) or "aws:cdk:path" in _mapping(one.get("Metadata"))
        for one in resources
    )
    return "CDK" if made_by_cdk else "CloudFormation"


def declared_version(
    template: Json, parameters: Mapping[str, str], cluster: str, logical_id: str | None
) -> KubernetesVersion | None:
    """The version in the template's cluster, None when it has none that can be resolved.

    Args:
        parameters: the stack's parameters with the values that they have.
        cluster: the cluster's name, by which it is found among several.
    """
    found = dict(_clusters(template))
    if logical_id in found:
        chosen = found[logical_id]
    else:
        named = [one for one in found.values() if _resolved(_either(one, "Name"), parameters) == cluster]
        if not named and len(found) > 1:
            return None
        chosen = next(iter(named or found.values()), {})
    text = _resolved(_either(chosen, "Version"), parameters)
    try:
        return KubernetesVersion.parse(text) if text else None
    except ValueError:
        return None


def _clusters(template: Json) -> Iterator[tuple[str, Json]]:
    for name, resource in _mapping(template.get("Resources")).items():
        properties = _mapping(_mapping(resource).get("Properties"))
        kind = _mapping(resource).get("Type")
        if kind == _CLUSTER:
            yield name, properties
        elif kind == _CDK_CLUSTER:
            yield name, _mapping(properties.get("Config"))


def _either(properties: Json, name: str) -> Any:
    """CDK's older construct writes its properties in lower case."""
    return properties.get(name, properties.get(name.lower()))


def _resolved(value: Any, parameters: Mapping[str, str]) -> str | None:
    """A text, or the parameter that ``Ref`` or ``Fn::Sub`` names; other functions are not worked out."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and len(value) == 1:
        if isinstance(name := value.get("Ref"), str):
            return parameters.get(name)
        if isinstance(text := value.get("Fn::Sub"), str):
            found = _SUBSTITUTED.match(text)
            return parameters.get(found[1]) if found else (None if "${" in text else text)
    return None


def _mapping(value: Any) -> Json:
    return value if isinstance(value, Mapping) else {}


class _TemplateLoader(yaml.CBaseLoader):
    """YAML whose scalars all stay text (an unquoted 1.30 is no number), with CloudFormation's short forms."""


def _short_form(loader: Any, suffix: str, node: yaml.Node) -> Any:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_TemplateLoader.add_multi_constructor("!", _short_form)
