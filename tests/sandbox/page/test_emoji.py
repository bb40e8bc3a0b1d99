"""The page draws its emoji itself, so that they look the same on a machine that has no emoji font."""

from __future__ import annotations

import re
from pathlib import Path

import handlers
from sandbox.page.server import STATIC

_EMOJI = re.compile("[\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]")


def test_every_emoji_of_the_bot_has_a_drawing() -> None:
    sources = [path.read_text("utf-8") for path in Path(handlers.__path__[0]).rglob("*.py")]
    used = {found for source in sources for found in _EMOJI.findall(source)}
    drawn = set(re.findall(r'^  "(.+)": \[', (STATIC / "emoji.js").read_text("utf-8"), re.MULTILINE))
    assert "📟" in used
    assert used <= drawn
