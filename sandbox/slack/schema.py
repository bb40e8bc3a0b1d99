"""Small rules for JSON values, each adding errors with a JSON pointer in the words that Slack uses."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class BlockError:
    """What is wrong (`message`) and where (`pointer`, such as `/blocks/0/text/text`)."""

    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.message} [json-pointer:{self.pointer}]"


Errors = list[BlockError]
Rule = Callable[[Any, str, Errors], None]


def string(longest: int, shortest: int = 1, pattern: str | None = None) -> Rule:
    def check(value: Any, at: str, errors: Errors) -> None:
        if not isinstance(value, str):
            errors.append(BlockError(at, "must provide a string"))
        elif len(value) > longest:
            errors.append(BlockError(at, f"must be less than {longest + 1} characters"))
        elif len(value) < shortest:
            errors.append(BlockError(at, f"must be more than {shortest - 1} characters"))
        elif pattern is not None and not re.fullmatch(pattern, value):
            errors.append(BlockError(at, f"must match the pattern {pattern}"))

    return check


def flag(value: Any, at: str, errors: Errors) -> None:
    if not isinstance(value, bool):
        errors.append(BlockError(at, "must provide a boolean"))


def number(low: float, high: float, whole: bool = True) -> Rule:
    def check(value: Any, at: str, errors: Errors) -> None:
        kinds = (int,) if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds):
            errors.append(BlockError(at, "must provide a number"))
        elif not low <= value <= high:
            errors.append(BlockError(at, f"must be between {low} and {high}"))

    return check


def choice(*values: str) -> Rule:
    def check(value: Any, at: str, errors: Errors) -> None:
        if value not in values:
            errors.append(BlockError(at, f"must be one of {', '.join(values)}"))

    return check


def anything(_value: Any, _at: str, _errors: Errors) -> None:
    """For the parts that this simulator passes on without looking."""


def listing(rule: Rule, longest: int, shortest: int = 1) -> Rule:
    def check(value: Any, at: str, errors: Errors) -> None:
        if not isinstance(value, list):
            errors.append(BlockError(at, "must provide an array"))
            return
        if len(value) > longest:
            errors.append(BlockError(at, f"no more than {longest} items allowed"))
        if len(value) < shortest:
            errors.append(BlockError(at, f"no fewer than {shortest} items allowed"))
        for index, item in enumerate(value):
            rule(item, f"{at}/{index}", errors)

    return check


def shape(required: Mapping[str, Rule], optional: Mapping[str, Rule] | None = None, also: Rule | None = None) -> Rule:
    """An object with these fields and no others; `also` judges fields against each other once each is right."""
    rules = {**required, **(optional or {})}

    def check(value: Any, at: str, errors: Errors) -> None:
        if not isinstance(value, dict):
            errors.append(BlockError(at, "must provide an object"))
            return
        before = len(errors)
        for name in required:
            if value.get(name) is None:
                errors.append(BlockError(at, f"missing required field: {name}"))
        for name, item in value.items():
            if name == "type":
                continue
            if name not in rules:
                errors.append(BlockError(at, f"invalid additional property: {name}"))
            elif item is not None:
                rules[name](item, f"{at}/{name}", errors)
        if also is not None and len(errors) == before:
            also(value, at, errors)

    return check


def typed(table: Mapping[str, Rule]) -> Rule:
    """An object whose `type` picks the rule; any other type is refused."""

    def check(value: Any, at: str, errors: Errors) -> None:
        if not isinstance(value, dict):
            errors.append(BlockError(at, "must provide an object"))
            return
        kind = value.get("type")
        if not isinstance(kind, str):
            errors.append(BlockError(at, "missing required field: type"))
        elif kind not in table:
            errors.append(BlockError(at, f"unsupported type: {kind}"))
        else:
            table[kind](value, at, errors)

    return check


def exactly_one_of(*names: str) -> Rule:
    def check(value: Any, at: str, errors: Errors) -> None:
        if sum(value.get(name) is not None for name in names) != 1:
            errors.append(BlockError(at, f"must provide exactly one of {', '.join(names)}"))

    return check


def at_least_one_of(*names: str) -> Rule:
    def check(value: Any, at: str, errors: Errors) -> None:
        if all(value.get(name) is None for name in names):
            errors.append(BlockError(at, f"must provide at least one of {', '.join(names)}"))

    return check
