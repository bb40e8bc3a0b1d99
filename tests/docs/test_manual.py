"""A word means the same in Slack, on its page and in a shell."""

from __future__ import annotations

import pytest

from bot.cli import every_command
from docs.pages import commands
from handlers.manual import MANUAL, PLACEHOLDERS
from handlers.words import Word

SHELL = dict(every_command())


@pytest.mark.parametrize("word", [word for word in Word if word.replace(" ", "-") in SHELL])
def test_the_help_of_a_shell_begins_with_what_slack_says(word: Word) -> None:
    said = " ".join((SHELL[word.replace(" ", "-")].help or "").split())
    assert said.startswith(MANUAL[word].sentence.rstrip("."))


def test_every_word_but_help_and_its_meaning_stand_on_the_page() -> None:
    page = commands.page()
    assert all(f"| {entry.sentence} {entry.more} |" in page for entry in MANUAL.values())
    assert all(f"| `{name}` |" in page for name in PLACEHOLDERS)
    assert {word for word in Word if word.replace(" ", "-") not in SHELL} == {Word.HELP}
