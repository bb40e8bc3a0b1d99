"""What is generated is what is committed, and says something of everything."""

from __future__ import annotations

import click
import pytest
from pydantic import BaseModel

from bot.cli import every_command
from bot.config import Settings, load_settings
from docs import generate
from docs.pages import checks, commands, configuration
from docs.pages.configuration import meanings_of, settings_of
from handlers.words import USAGE
from sandbox.command import main as sandbox_main
from upgrade.checks import REGISTRY

MODELS: list[tuple[type[BaseModel], str]] = [
    (Settings, ""),
    *((model, prefix) for _, prefix, model in configuration.SECTIONS),
]


def test_generated_files_are_as_committed() -> None:
    assert generate.differences(generate.generated()) == []


def test_a_difference_is_shown_as_a_diff(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"docs/commands.md": commands.page() + "one more line\n"}
    lines = generate.differences(texts)
    assert lines[0] == "--- docs/commands.md"
    assert lines[-1] == "+one more line"


def test_a_page_without_its_markers_is_refused() -> None:
    with pytest.raises(generate.MarkerMissing, match=r"README.md has no part between <!-- scopes --> "):
        generate.with_part("<!-- scopes -->\nno end", "scopes", "text", "README.md")


def test_a_part_is_replaced_and_nothing_else() -> None:
    text = "before\n<!-- scopes -->\nold\n<!-- /scopes -->\nafter\n"
    made = generate.with_part(text, "scopes", "new\n\n", "README.md")
    assert made == "before\n<!-- scopes -->\nnew\n<!-- /scopes -->\nafter\n"


def test_every_command_has_a_heading_and_every_option_a_row() -> None:
    page = commands.page()
    for name, command in every_command():
        section = page.partition(f"### eks-upgrade-bot {name}\n")[2].partition("\n### ")[0]
        assert section, name
        for option in command.params:
            if isinstance(option, click.Option):
                assert all(one in section for one in option.opts), (name, option.opts)
    sandbox = page.partition("### eks-upgrade-sandbox\n")[2]
    assert all(one in sandbox for option in sandbox_main.params for one in option.opts)
    assert all(f"`/eks-upgrade {usage.replace('|', chr(92) + '|')}`" in page for usage in USAGE.values())


def test_every_setting_has_a_row_with_its_meaning() -> None:
    page = configuration.page()
    keys = []
    for model, prefix in MODELS:
        assert set(meanings_of(model)) >= set(model.model_fields), model
        keys += [setting.key for setting in settings_of(model, prefix)]
    assert len(keys) > 40
    assert [key for key in keys if f"| `{key}` |" not in page] == []


def test_every_section_of_the_settings_is_on_the_page() -> None:
    """A model that nobody listed would be missing without a word."""
    nested = {str(info.annotation) for info in Settings.model_fields.values() if "Settings" in str(info.annotation)}
    listed = {model.__name__ for _, _, model in configuration.SECTIONS}
    assert {name for text in nested for name in _settings_classes(text)} <= listed


def _settings_classes(annotation: str) -> set[str]:
    words = annotation.replace("[", " ").replace("]", " ").replace(",", " ").replace("'", " ").split()
    return {word.rpartition(".")[2].rstrip(">") for word in words if word.rstrip(">").endswith("Settings")}


def test_every_variable_on_the_page_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = {
        "log.format": "json",
        "slack.port": "4000",
        "polls.addon": "20s",
        "workers": "3",
        "database": "/tmp/x.db",
    }
    variables = {
        setting.key: setting.variable.rpartition(" or ")[2].strip("`")
        for model, prefix in MODELS
        for setting in settings_of(model, prefix)
    }
    for key, value in samples.items():
        monkeypatch.setenv(variables[key], value)
    settings = load_settings()
    assert (settings.log.format, settings.slack.port, settings.workers) == ("json", 4000, 3)
    assert str(settings.database) == "/tmp/x.db"
    assert settings.polls.addon.total_seconds() == 20


def test_every_check_has_a_section() -> None:
    page = checks.page()
    assert [check.code for check in REGISTRY if f"\n## {check.code}\n" not in page] == []
