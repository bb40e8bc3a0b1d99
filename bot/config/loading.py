"""Reading the settings. Everything that is wrong is told at once, a line each."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, SecretStr, ValidationError

from bot.config.discovery import DiscoverySettings
from bot.config.policies import EnvironmentSettings, FreezeSettings, GateSettings
from bot.config.sections import ClusterSettings
from bot.config.settings import PREFIX, Settings
from bot.config.values import ConfigurationWrong, is_loopback
from bot.manifest import SLASH_COMMAND_IN_WORDS
from upgrade.engine.clock import ScaledClock

CONFIG_VARIABLE: Final = f"{PREFIX}CONFIG"
_MUST_BE: Final = {
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "string_type": "text, in quotes where YAML takes it for something else",
    "bool_parsing": "true or false",
    "int_parsing": "a whole number",
    "time_delta_parsing": "a time such as 30s, 15m, 2h or 7d",
    "time_delta_type": "a time such as 30s, 15m, 2h or 7d",
}
_ACCOUNT: Final = "the 12 digits of an AWS account, in quotes"
_REGION: Final = "an AWS region such as eu-central-1"
_ROLE: Final = "a role with {account} in place of its account, such as arn:aws:iam::{account}:role/eks-upgrade-bot-%s"
_FORMS: Final = {
    "account": _ACCOUNT,
    "accounts": _ACCOUNT,
    "command": SLASH_COMMAND_IN_WORDS,
    "region": _REGION,
    "regions": _REGION,
    "read_role": _ROLE % "read",
    "change_role": _ROLE % "change",
    "group": "the ID of a Slack user group (S...)",
    "topic": "the ARN of an SNS topic",
}


def load_settings(path: Path | None = None, *, server: bool = False) -> Settings:
    """Read the file (``path``, else EKS_UPGRADE_BOT_CONFIG, else none) and the environment.

    Args:
        server: whether what ``serve`` needs beyond the rest must be there.

    Raises ConfigurationWrong with a line for each mistake.
    """
    named = path or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    content = _read_file(named) if named else {}
    lines = _unknown_variables()
    try:
        settings = Settings(**content)
    except ValidationError as error:
        errors = error.errors(include_input=False)
        missing = _missing_besides(content, errors) if server else []
        raise ConfigurationWrong([*lines, *map(_line, errors), *missing]) from None
    except ValueError as error:  # an environment variable that is no JSON where a list or mapping is wanted
        raise ConfigurationWrong([*lines, str(error).splitlines()[0]]) from None
    lines += _cross_checks(settings) + (missing_for_serve(settings) if server else [])
    if lines:
        raise ConfigurationWrong(lines)
    return settings


def missing_for_serve(settings: Settings) -> list[str]:
    """What ``serve`` needs beyond the rest: a line for each missing token."""
    slack = settings.slack
    wanted: list[tuple[str, SecretStr | None, str]] = [("slack.bot_token", slack.bot_token, "SLACK_BOT_TOKEN")]
    if slack.mode == "socket":
        wanted.append(("slack.app_token", slack.app_token, "SLACK_APP_TOKEN"))
    else:
        wanted.append(("slack.signing_secret", slack.signing_secret, "SLACK_SIGNING_SECRET"))
    lines = [f"{key}: is missing; set {variable}" for key, secret, variable in wanted if secret is None]
    for key, variable in settings.on_call.variables.items():
        if not os.environ.get(variable):
            lines.append(f"{key}: the variable {variable} is not set")
    if not (settings.clusters or settings.discovery):
        lines.append("clusters: none is configured; name at least one, or where to find them under discovery")
    return lines


def _missing_besides(content: Mapping[str, Any], errors: Sequence[Any]) -> list[str]:
    """What ``serve`` lacks, judged without the sections that have a mistake in them; those are told already."""
    wrong = {str(one["loc"][0]) for one in errors if one["loc"]}
    kept: dict[str, Any] = {key: value for key, value in content.items() if key not in wrong}
    aside = {name: os.environ.pop(name) for name in [*os.environ] if _key_of(name) in wrong}
    try:
        lines = missing_for_serve(Settings(**kept))
    except ValueError:
        return []
    finally:
        os.environ.update(aside)
    return [line for line in lines if re.split(r"[.:]", line)[0] not in wrong]


def _key_of(variable: str) -> str:
    """The setting that a variable is for; empty for other variables."""
    return variable.removeprefix(PREFIX).split("__")[0].lower() if variable.startswith(PREFIX) else ""


def _cross_checks(settings: Settings) -> list[str]:
    lines = []
    named = [(f"clusters[{n}].environment", one.environment) for n, one in enumerate(settings.clusters)]
    named += [(f"discovery[{n}].environment", one.environment) for n, one in enumerate(settings.discovery)]
    for n, freeze in enumerate(settings.freezes):
        named += [(f"freezes[{n}].environments", name) for name in freeze.environments]
    lines += [f"announcements.{one}" for one in settings.announcements.mistakes]
    known = ", ".join(sorted(settings.environments)) or "none"
    for where, name in named:
        if name is not None and name not in settings.environments:
            lines.append(f"{where}: there is no environment {name!r}; known: {known}")
    if isinstance(settings.make_clock(), ScaledClock):
        lines += _clock_checks(settings)
    return lines


def _clock_checks(settings: Settings) -> list[str]:
    """A clock of its own is for the sandbox: refused unless every AWS and Slack address is loopback (DESIGN 7)."""
    endpoints = {name: value for name, value in os.environ.items() if name.startswith("AWS_ENDPOINT_URL") and value}
    lines = [
        f"clock: {name} is not a loopback address, and a clock of its own is for the sandbox only"
        for name, value in sorted(endpoints.items())
        if not is_loopback(value)
    ]
    ignored = os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true"
    if "AWS_ENDPOINT_URL" not in endpoints or ignored:
        lines.append("clock: AWS_ENDPOINT_URL must be a loopback address; a clock of its own is for the sandbox only")
    if settings.slack.bot_token is not None and not is_loopback(settings.slack.api_url):
        lines.append("clock: slack.api_url must be a loopback address; a clock of its own is for the sandbox only")
    return lines


def _read_file(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationWrong([f"{path}: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigurationWrong([f"{path}: is not UTF-8 text"]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        raise ConfigurationWrong([f"{path}{where}: {getattr(error, 'problem', None) or 'is not YAML'}"]) from None
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ConfigurationWrong([f"{path}: must be a mapping of settings"])
    return content


def _unknown_variables() -> list[str]:
    lines = []
    for name in sorted(os.environ):
        key = _key_of(name)
        if key and name != CONFIG_VARIABLE and key not in Settings.model_fields:
            lines.append(f"{name}: unknown variable{_nearest(key, tuple(Settings.model_fields))}")
    return lines


def _line(error: Any) -> str:
    where = ""
    for part in error["loc"]:
        where += f"[{part}]" if isinstance(part, int) else f".{part}"
    where = where.removeprefix(".") or "settings"
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown key{_nearest(str(error['loc'][-1]), _known_keys(error['loc'][:-1]))}"
    if error["type"] == "missing":
        return f"{where}: is missing"
    return f"{where}: {_message(error)}"


def _message(error: Any) -> str:
    """pydantic's words, where they are not Python's."""
    kind, last = error["type"], next((part for part in reversed(error["loc"]) if isinstance(part, str)), "")
    if kind in _MUST_BE:
        return f"must be {_MUST_BE[kind]}"
    if kind == "string_pattern_mismatch":
        return f"must be {_FORMS.get(last, 'of the form ' + error['ctx']['pattern'])}"
    if kind == "greater_than" and error["ctx"]["gt"] == repr(timedelta(0)):
        return "must be more than no time"
    message = str(error["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")
    return f"{message[:1].lower()}{message[1:]}"


def _known_keys(place: Sequence[str | int]) -> tuple[str, ...]:
    """The keys that are known at a place of the settings; empty where they are of the user's choosing."""
    kind: type[BaseModel] = Settings
    items: dict[str | int, type[BaseModel]] = {
        "clusters": ClusterSettings,
        "discovery": DiscoverySettings,
        "environments": EnvironmentSettings,
        "freezes": FreezeSettings,
        "mapping": GateSettings,
    }
    for part in place:
        field = kind.model_fields.get(str(part))
        if part in items:
            kind = items[part]
        elif field is not None and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            kind = field.annotation
    return tuple(info.alias or name for name, info in kind.model_fields.items())


def _nearest(key: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(key.lower(), known, n=1)
    return f"; did you mean {close[0]}?" if close else (f"; known: {', '.join(known)}" if known else "")
