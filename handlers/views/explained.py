"""What a check looks at, why, and how to fix what it finds."""

from __future__ import annotations

from handlers.views import kit
from handlers.views.kit import Message
from handlers.views.text import code, esc, link
from upgrade.checks.explained import Explanation
from upgrade.reports.sources import address


def render_explanation(told: Explanation) -> Message:
    waivable = ", may be waived" if told.waivable else ""
    takes = ", ".join(map(code, told.permissions)) or "nothing of its own"
    fixes = [f"→ {esc(fix)}" for fix in told.fixes] or ["→ The finding says what to do."]
    page = address(told.source)
    source = [f"Source: {link(page, told.source) if page else esc(told.source)}"] if told.source else []
    rules = [f"Rules: {esc(', '.join(told.rules))}"] if told.rules else []
    title = f"{code(told.code)} {esc(told.title)}"
    blocks = [
        kit.section(f"*{title}*", *([esc(told.why)] if told.why else [])),
        kit.section(f"A finding: {esc(told.weight)}{waivable}", f"Looked at: {esc(told.looks)}", f"Takes: {takes}"),
        kit.section("*To fix it*", *fixes),
        *([kit.context(*rules, *source)] if rules or source else []),
    ]
    return Message(title, blocks)
