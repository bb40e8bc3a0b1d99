"""What a check looks at, why, and how to fix what it finds: for `explain` and for the page of all checks."""

from __future__ import annotations

import ast
import difflib
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Final

from upgrade.checks.registry import CRASHED, REGISTRY, Check
from upgrade.errors import UnknownCheck
from upgrade.facts import Value
from upgrade.findings import Severity

#: Stands for what only a finding knows: a name, a number.
_BLANK: Final = "…"
_PHASES: Final = {"control-plane": "the control plane"}


class Explanation(Value):
    """All that is known of a check without a cluster.

    Args:
        title: a sentence that is true when all is well.
        why: why it matters, or what is special about how it looks; empty when the title says it all.
        weight: what a finding does, such as ``blocks nodes`` or ``warns``.
        looks: before which hops it looks.
        fixes: the remedies that its findings give; ``…`` stands for what only a finding knows.
        permissions: what reading its facts takes.
    """

    code: str
    title: str
    why: str
    weight: str
    waivable: bool
    looks: str
    fixes: tuple[str, ...]
    permissions: tuple[str, ...]
    rules: tuple[str, ...]
    source: str


def explain(code: str) -> Explanation:
    """Upper or lower case. Raises UnknownCheck."""
    wanted = code.strip().upper()
    if wanted == CRASHED:
        return _CRASH
    checks = {check.code: check for check in REGISTRY}
    if wanted not in checks:
        close = difflib.get_close_matches(wanted[:20], checks, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(close)}? " if close else ""
        nothing = f"No check has the code {wanted[:20]!a}."
        raise UnknownCheck(nothing, f"{hint}A code looks like {min(checks)}.", instead=close)
    return explained(checks[wanted])


def explained(check: Check) -> Explanation:
    return Explanation(
        code=check.code,
        title=check.title,
        why=inspect.cleandoc(check.judge.__doc__ or "").replace("``", "`"),
        weight=weight_of(check),
        waivable=check.waivable,
        looks=_looks(check),
        fixes=_fixes(check),
        permissions=check.permissions,
        rules=check.rules,
        source=check.source,
    )


def weight_of(check: Check) -> str:
    if check.severity is not Severity.BLOCKS:
        return check.severity.value
    return "blocks" if check.stops == ("all",) else f"blocks {', '.join(check.stops)}"


_CRASH: Final = Explanation(
    code=CRASHED,
    title="Every check came to its end",
    why="A check that breaks has not said that all is well, so what it was to look at is unknown and weighs as much "
    "as the check does. The finding names the check.",
    weight="as the check that broke",
    waivable=False,
    looks="At every check, before each hop.",
    fixes=("This is a defect of the bot: report it with the snapshot (eks-upgrade-bot snapshot).",),
    permissions=(),
    rules=(),
    source="",
)


def _looks(check: Check) -> str:
    first, last = check.applies_from, check.applies_until
    if first and last:
        hops = f" to {first}" if first == last else f" to {first} and later, up to {last}"
    else:
        hops = f" to {first} or later" if first else f" to {last} or earlier" if last else ""
    changed = " or ".join(_PHASES.get(phase, phase) for phase in check.phases)
    return f"Before each hop{hops}{f' of a plan that changes {changed}' if changed else ''}."


# -- remedies -------------------------------------------------------------------------------------------------------
# A remedy stands where the finding is made and nowhere else, so it is read there: a second copy would grow old.


def _fixes(check: Check) -> tuple[str, ...]:
    """The texts that the check's function, and what it calls in its module, give as remedies."""
    module = inspect.getmodule(check.judge)
    if module is None:
        return ()
    functions = _functions(module)
    called: dict[str, None] = {}
    _reach(check.judge.__name__, functions, called)
    found = (text for name in called for text in _remedies(functions[name], _constants(module)))
    return tuple(dict.fromkeys(" ".join(text.split()) for text in found if text.strip(f"{_BLANK} ")))


@cache
def _tree(module: ModuleType) -> ast.Module:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(module)))
    except OSError:  # installed without its sources
        return ast.Module(body=[], type_ignores=[])


def _functions(module: ModuleType) -> dict[str, ast.FunctionDef]:
    return {one.name: one for one in _tree(module).body if isinstance(one, ast.FunctionDef)}


def _constants(module: ModuleType) -> dict[str, str]:
    return {name: value for name, value in vars(module).items() if isinstance(value, str)}


def _reach(name: str, functions: dict[str, ast.FunctionDef], called: dict[str, None]) -> None:
    if name in called or name not in functions:
        return
    called[name] = None
    for node in ast.walk(functions[name]):
        if isinstance(node, ast.Name):
            _reach(node.id, functions, called)


def _remedies(function: ast.FunctionDef, constants: dict[str, str]) -> Iterator[str]:
    """Third argument or ``remedy`` of each Problem, as a text or through a name that texts are given to."""
    given: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            given.setdefault(node.targets[0].id, []).append(node.value)
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Problem":
            named = [keyword.value for keyword in node.keywords if keyword.arg == "remedy"]
            for value in (*node.args[2:3], *named):
                yield from _texts(value, given, constants)


def _texts(value: ast.expr, given: dict[str, list[ast.expr]], constants: dict[str, str]) -> Iterator[str]:
    match value:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr():
            yield "".join(_piece(part, constants) for part in value.values)
        case ast.IfExp():
            yield from _texts(value.body, given, constants)
            yield from _texts(value.orelse, given, constants)
        case ast.Name() if value.id in given:
            rest = {name: values for name, values in given.items() if name != value.id}
            for one in given[value.id]:
                yield from _texts(one, rest, constants)
        case ast.Name() if value.id in constants:
            yield constants[value.id]


def _piece(part: ast.expr, constants: dict[str, str]) -> str:
    match part:
        case ast.Constant(value=str(text)):
            return text
        case ast.FormattedValue(value=ast.Name(id=name)) if name in constants:
            return constants[name]
    return _BLANK
