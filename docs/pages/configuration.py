"""Every setting, from the models that read them."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from bot.config import (
    PREFIX,
    WELL_KNOWN,
    AnnouncementSettings,
    ClusterSettings,
    DigestSettings,
    DiscoverySettings,
    EnvironmentSettings,
    FleetSettings,
    FreezeSettings,
    GateSettings,
    GenericSettings,
    LogSettings,
    OnCallSettings,
    PagerDutySettings,
    PollSettings,
    ReadinessSettings,
    RoleSettings,
    RolesSettings,
    Settings,
    SlackSettings,
    SnsSettings,
)
from docs.pages.markdown import NOTE, code, table
from handlers.views.wording import TEXTS, VARIABLES

_INTRO: Final = """\
# Configuration

Settings come from one YAML file and from the environment; the environment goes first. The file is named by `--config` or by
`EKS_UPGRADE_BOT_CONFIG`. Lists and mappings in a variable are written as JSON. What is wrong is told at once, a line each, and the
program ends with exit code 78. Durations are written as `90s`, `15m`, `24h` or `2d`.

`check`, `plan` and `snapshot` need no settings at all: a cluster's name, its `--region` and AWS credentials are enough. `serve` needs the
tokens, and at least one cluster or a place to find them. `eks-upgrade-bot doctor` tries all of it against the live services.

AWS credentials, proxies and CA bundles are read as every AWS tool reads them; see [install](install.md).

A whole file:

```yaml
announcement_channel: "#maintenance-notices"
operations_channel: "#platform-ops"
digest: {weekday: mon, at: "09:00", time_zone: Europe/Berlin}   # whose support ends, what it costs, what is new
clusters:
  - name: prod-eu
    region: eu-central-1
    account: "111122223333"       # in quotes, else a leading zero is lost
    environment: prod
    time_zone: Europe/Berlin
    owner: shop platform
    channels: ["#shop"]            # its owners read a copy of each notice there
    read_role: {arn: "arn:aws:iam::111122223333:role/eks-upgrade-bot-read", external_id: acme-eks-upgrades}
    change_role: {arn: "arn:aws:iam::111122223333:role/eks-upgrade-bot-change", external_id: acme-eks-upgrades}
  - name: lab
    region: eu-central-1
    account: "444455556666"
    environment: lab
    read_role: {profile: lab}      # no change_role: this one is checked and planned only
  - name: staging-eu
    region: eu-central-1
    account: "444455556666"
    environment: staging
    time_zone: Europe/Berlin
    read_role: {arn: "arn:aws:iam::444455556666:role/eks-upgrade-bot-read", external_id: acme-eks-upgrades}
    change_role: {arn: "arn:aws:iam::444455556666:role/eks-upgrade-bot-change", external_id: acme-eks-upgrades}
discovery:                         # more of them, found by their tags
  - accounts: ["555566667777", "666677778888"]
    regions: [eu-central-1, us-east-1]
    read_role: arn:aws:iam::{account}:role/eks-upgrade-bot-read
    change_role: arn:aws:iam::{account}:role/eks-upgrade-bot-change
    external_id: acme-eks-upgrades
    tags: {upgrades: eks-upgrade-bot}
environments:
  prod:                            # watched for 24 hours before nodes follow, one hop a window,
    approvals: 2                   # announced 7 days, 24 hours and 1 hour before the start
    approver_groups: [S0PRODUCTION]   # whose approval counts here; left out: the role approver
    gates:                         # approvals half-way, told in the plan
      - hop
      - {before: nodes, attended: S0NIGHT, within: 2h}   # they are called; after 2 hours it pauses
    windows: ["mon-thu 08:00-16:00"]
  staging:
    windows: ["mon-fri 08:00-18:00"]
    bake_before_nodes: 2h
    one_hop_a_window: false
    remind: [1h]
  lab:                             # begins as soon as it is approved, and waits for nothing
    requester_counts: true
    notice: 0s
    bake_before_nodes: 0s
    one_hop_a_window: false
    remind: []
freezes:
  - name: year-end
    from: 2026-12-18
    until: 2027-01-03              # its last day
    time_zone: Europe/Berlin
    reason: Nothing changes over the holidays.
    environments: [prod]
    lift: {users: [U0CHI]}         # who may lift it for one run
roles:
  operator: {groups: [S0OPERATORS]}
  approver: {groups: [S0APPROVERS]}
  admin: {users: [U0CHI]}
  break_glass: {groups: [S0SECURITY]}   # with the admins: may open a gate alone in an emergency
security_channel: "#security"    # hears of it
on_call:                           # whoever is in charge is called at once, the group after 10 minutes
  group: S0NIGHT
  webhooks:
    - {kind: pagerduty, name: platform, key_variable: PAGERDUTY_KEY}
cli_users: {chi: U0CHI}
database: /data/eks-upgrade-bot.db
```
"""

_TEMPLATES: Final = """\
A template is [Jinja](https://jinja.palletsprojects.com/en/stable/templates/) in a sandbox: `if`, `for` and `set`, the filters `default`, `first`,
`join`, `last` and `length`, and other texts by `self.name()`. Line breaks become spaces. Whatever it prints is escaped, but for times,
mentions and links; `*bold*` and a link such as `<https://wiki.example.com/eks|our page>` may stand in it. It calls nobody: that is for
`mention_here`. The emoji in front comes from the bot.

```yaml
announcements:
  language: zh-CN
  templates:
    contact: "有问题请联系 {{ owner or '平台团队' }}，或到 *#eks* 频道提问。"
    alerts: ""                     # left out
```

All of them are tried when the settings are read: an unknown variable or text, a mistake in the template, and one that becomes too long
end the program with a line that names it. `eks-upgrade-bot preview RUN` shows the notice of a run in them, `/eks-upgrade preview RUN`
likewise in Slack to you alone. Should one fail on a run all the same, the text that comes with the bot takes its place, and the log says so.
"""

SECTIONS: Final[tuple[tuple[str, str, type[BaseModel]], ...]] = (
    ("slack", "slack.", SlackSettings),
    ("announcements", "announcements.", AnnouncementSettings),
    ("digest", "digest.", DigestSettings),
    ("clusters", "clusters[].", ClusterSettings),
    ("discovery", "discovery[].", DiscoverySettings),
    ("environments", "environments.NAME.", EnvironmentSettings),
    ("a gate as a mapping", "environments.NAME.gates[].", GateSettings),
    ("freezes", "freezes[].", FreezeSettings),
    ("roles", "roles.", RolesSettings),
    ("a role", "roles.ROLE.", RoleSettings),
    ("on_call", "on_call.", OnCallSettings),
    ("a webhook of PagerDuty", "on_call.webhooks[].", PagerDutySettings),
    ("a webhook of Amazon SNS", "on_call.webhooks[].", SnsSettings),
    ("any other webhook", "on_call.webhooks[].", GenericSettings),
    ("polls", "polls.", PollSettings),
    ("readiness", "readiness.", ReadinessSettings),
    ("fleet", "fleet.", FleetSettings),
    ("log", "log.", LogSettings),
)


@dataclass(frozen=True)
class Setting:
    key: str
    variable: str
    type: str
    default: str
    meaning: str


def page() -> str:
    parts = [NOTE, _INTRO, "## Top level", "", _table(settings_of(Settings, ""))]
    for title, prefix, model in SECTIONS:
        parts += [f"## {title}", "", _first_sentence(model), "", _table(settings_of(model, prefix))]
        parts += _templates() if model is AnnouncementSettings else []
    return "\n".join(parts)


def _templates() -> list[str]:
    texts = table(["text", "what it is"], [(code(name), meaning) for name, meaning in TEXTS.items()])
    variables = table(["variable", "is"], [(code(name), meaning) for name, meaning in VARIABLES.items()])
    return [_TEMPLATES, texts, variables]


def _table(settings: Iterator[Setting]) -> str:
    rows = [(code(one.key), one.variable, one.type, one.default, one.meaning) for one in settings]
    return table(["key", "variable", "type", "default", "meaning"], rows)


def settings_of(model: type[BaseModel], prefix: str) -> Iterator[Setting]:
    """The settings of a model whose keys begin with ``prefix``."""
    meanings = meanings_of(model)
    for name, info in model.model_fields.items():
        key = f"{prefix}{info.alias or name}"
        yield Setting(key, _variable(key), _type(info.annotation, info), _default(info, name), meanings[name])


def meanings_of(model: type[BaseModel]) -> Mapping[str, str]:
    """What each field means: the text under it, or its line in the ``Args:`` of the class."""
    found: dict[str, str] = {}
    for kind in reversed([one for one in model.__mro__ if issubclass(one, BaseModel) and one is not BaseModel]):
        if kind.__module__.startswith("pydantic"):
            continue
        found |= _arguments(kind) | _texts_under_fields(kind)
    return found


def _arguments(kind: type) -> dict[str, str]:
    _, _, arguments = inspect.cleandoc(kind.__doc__ or "").partition("Args:\n")
    return {
        name: _sentence(text)
        for name, text in re.findall(r"^ +(\w+): (.+?)(?=\n +\w+: |\Z)", arguments, re.MULTILINE | re.DOTALL)
    }


def _texts_under_fields(kind: type) -> dict[str, str]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(definition, ast.ClassDef)
    texts = {}
    for field, after in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            assert isinstance(field.target, ast.Name)
            texts[field.target.id] = str(after.value.value)
    return texts


def _sentence(text: str) -> str:
    joined = " ".join(text.split())
    return f"{joined[:1].upper()}{joined[1:]}"


def _first_sentence(model: type[BaseModel]) -> str:
    return inspect.cleandoc(model.__doc__ or "").split("\n\n")[0].replace("``", "`").replace("\n", " ")


def _variable(key: str) -> str:
    if "[]" in key or any(part.isupper() for part in key.split(".")):
        return "-"
    names = [code(f"{PREFIX}{key.replace('.', '__').upper()}")]
    known = {f"slack.{name}": variable for variable, name in WELL_KNOWN.items()}
    return " or ".join([*([code(known[key])] if key in known else []), *names])


def _type(kind: Any, info: FieldInfo | None = None) -> str:
    """What to write, in words."""
    origin, parts = get_origin(kind), [one for one in get_args(kind) if one is not type(None)]
    if hasattr(kind, "__metadata__"):
        return _type(parts[0])
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_type(part) for part in parts))
    if origin is Literal:
        return ", ".join(code(one) for one in parts)
    if origin is tuple:
        return f"list of {_plural(_type(parts[0]))}"
    return _plain(kind, _range(info))


def _plain(kind: Any, number_range: str) -> str:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ", ".join(code(one.value) for one in kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "identity" if kind.__name__.endswith("Identity") else "mapping"
    names = {
        str: "text",
        int: f"number{number_range}",
        bool: "true or false",
        timedelta: "duration",
        date: "day",
        datetime: "time",
        time: "time of day",
        SecretStr: "secret",
    }
    return names.get(kind) or ("path" if issubclass(kind, Path) else "mapping")


def _plural(kind: str) -> str:
    return {"text": "texts", "mapping": "mappings", "duration": "durations"}.get(kind, kind)


def _range(info: FieldInfo | None) -> str:
    limits = {type(one).__name__: one for one in (info.metadata if info else ())}
    least = getattr(limits.get("Ge"), "ge", None)
    most = getattr(limits.get("Le"), "le", None)
    return f", {least} to {most}" if least is not None and most is not None else ""


def _default(info: FieldInfo, name: str) -> str:
    if name == "database":
        return "`~/.local/state/eks-upgrade-bot/eks-upgrade-bot.db`"
    if info.default is PydanticUndefined:
        return "required" if info.default_factory is None else "-"
    return _shown(info.default)


def _shown(value: Any) -> str:
    if value is None or value in ((), {}):
        return "-"
    if isinstance(value, BaseModel):
        kind = getattr(value, "kind", None)
        return code(kind) if kind else "see below"
    if isinstance(value, timedelta):
        return code(_duration(value))
    if isinstance(value, time):
        return code(f"{value:%H:%M}")
    if isinstance(value, tuple):
        return ", ".join(_shown(one) for one in value)
    return code(str(value).lower() if isinstance(value, bool) else value)


def _duration(value: timedelta) -> str:
    seconds = int(value.total_seconds())
    if seconds >= 2 * 86400 and seconds % 86400 == 0:
        return f"{seconds // 86400}d"
    for letter, size in (("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{letter}"
    return f"{seconds}s"
