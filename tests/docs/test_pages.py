"""Pages that are written by hand: their links lead somewhere, and what they tell people to type can be typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import botocore.session
import click
import pytest
import yaml
from botocore import xform_name

from bot.cli import cli
from bot.config import load_settings
from sandbox.command import main as sandbox_main
from sandbox.scenario import shipped_scenarios

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
_FENCE: Final = re.compile(r"^( *)```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
# Commands that the AWS CLI has beyond the API, with their options.
# Put together, so that this file does not name them either.
_FOLDERS: Final = tuple(f"/{name}/" for name in ("work", "root", "home"))
_REGISTRIES: Final = (
    *(f"{name}.io" for name in ("docker", "quay", "ghcr", "gcr")),
    ".".join(("pypi", "org")),
    "".join(("python", "hosted")),
)
_OWN_AWS_COMMANDS: Final = {
    ("eks", "update-kubeconfig"): {"name", "region", "kubeconfig"},
    ("configure", "set"): {"profile"},
}
_AWS_OPTIONS: Final = frozenset({"region", "query", "output", "profile"})


def pages() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def shell_lines(text: str) -> Iterator[str]:
    for indent, language, body in _FENCE.findall(text):
        if language == "sh":
            without_files = re.sub(r"<<'EOF'\n.*?\n *EOF\n", "\n", body, flags=re.DOTALL)
            yield from (line.removeprefix(indent) for line in without_files.splitlines() if line.strip())


def spans(text: str) -> Iterator[str]:
    """Commands that stand in a sentence."""
    yield from re.findall(r"`((?:eks-upgrade-(?:bot|sandbox)|make|aws|kubectl) [^`]+)`", _FENCE.sub("", text))


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pages()
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    broken = []
    for target in _LINK.findall(text):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def test_every_picture_is_shown_and_small() -> None:
    shown = {(page.parent / target).resolve() for page in PAGES for target in _LINK.findall(page.read_text("utf-8"))}
    pictures = sorted((ROOT / "docs").rglob("*.png"))
    assert pictures
    for picture in pictures:
        assert picture in shown, picture.name
        assert picture.stat().st_size < 300_000, picture.name


@pages()
def test_pages_name_nothing_of_the_machine_they_were_written_on(page: Path) -> None:
    text = page.read_text("utf-8")
    for word in (*_FOLDERS, *_REGISTRIES):
        assert word not in text


@pages()
def test_every_language_of_a_block_is_one_that_is_checked(page: Path) -> None:
    languages = {language for _, language, _ in _FENCE.findall(page.read_text("utf-8"))}
    assert languages <= {"", "sh", "yaml", "json", "mermaid"}


@pages()
def test_commands_on_the_pages_can_be_typed(page: Path) -> None:
    text = page.read_text("utf-8")
    for line in [*shell_lines(text), *spans(text)]:
        words = shlex.split(line, comments=True)
        judge = _JUDGES.get(Path(words[0]).name if words else "")
        if judge is not None and "…" not in line:
            judge(words[1:], line)


def _parse(command: click.Command, words: list[str], line: str) -> None:
    """Parse without carrying out; a scenario file of the reader's own is not here."""
    words = ["two-hops" if word == "my.yaml" else word for word in words]
    with command.make_context("test", list(words)) as context:
        if isinstance(command, click.Group):
            # Click has no public way to ask a group what it has not parsed yet.
            _, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            assert found is not None, line
            _parse(found, rest, line)


def _bot(words: list[str], line: str) -> None:
    if words and words != ["COMMAND"]:
        _parse(cli, words, line)


def _sandbox(words: list[str], line: str) -> None:
    _parse(sandbox_main, words, line)


def _make(words: list[str], line: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert words[0] in targets, line
    for word in words[1:]:
        name, _, value = word.partition("=")
        assert name in ("ARGS", "PYTHON", "WORKERS"), line
        if name == "ARGS" and words[0] == "sandbox":
            _sandbox(shlex.split(value), line)


def _aws(words: list[str], line: str) -> None:
    service, operation, *rest = words
    options = {word[2:] for word in rest if word.startswith("--")}
    if (service, operation) in _OWN_AWS_COMMANDS:
        assert options <= _OWN_AWS_COMMANDS[service, operation], line
        return
    model = botocore.session.get_session().get_service_model(service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    assert operation in operations, line
    shape = model.operation_model(operations[operation]).input_shape
    members = {xform_name(name, "-") for name in shape.members}
    assert options <= members | _AWS_OPTIONS, line
    assert {xform_name(name, "-") for name in shape.required_members} <= options, line


_JUDGES: Final = {"eks-upgrade-bot": _bot, "eks-upgrade-sandbox": _sandbox, "make": _make, "aws": _aws}


def test_a_command_that_does_not_exist_is_noticed() -> None:
    for line in (
        "eks-upgrade-bot frobnicate",
        "eks-upgrade-bot check prod-eu --colour red",
        "eks-upgrade-sandbox --fly",
    ):
        words = shlex.split(line)
        with pytest.raises(click.UsageError):
            _JUDGES[words[0]](words[1:], line)
    for line in ("make love", "aws eks create-entry --name x", "aws eks describe-cluster --cluster x"):
        words = shlex.split(line)
        with pytest.raises(AssertionError):
            _JUDGES[words[0]](words[1:], line)


def test_whole_settings_on_the_pages_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    found = 0
    for page in PAGES:
        for _, language, body in _FENCE.findall(page.read_text("utf-8")):
            if language == "yaml" and re.search(r"^clusters:", body, re.MULTILINE) and "expected:" not in body:
                (tmp_path / "settings.yaml").write_text(body, "utf-8")
                assert load_settings(tmp_path / "settings.yaml").has_approver
                found += 1
    assert found == 2


def test_other_yaml_and_json_on_the_pages_is_well_formed() -> None:
    for page in PAGES:
        for _, language, body in _FENCE.findall(page.read_text("utf-8")):
            if language in ("yaml", "json"):
                assert yaml.safe_load(body)


def test_every_decision_has_a_number_of_its_own() -> None:
    numbers = [page.name[:4] for page in (ROOT / "docs/decisions").glob("*.md")]
    assert sorted(numbers) == [f"{number:04}" for number in range(1, len(numbers) + 1)]


def test_every_shipped_scenario_is_on_the_page() -> None:
    page = (ROOT / "docs/sandbox.md").read_text("utf-8")
    assert [name for name in shipped_scenarios() if f"| `{name}` |" not in page] == []


def test_the_readme_is_one_screen() -> None:
    text = re.sub(r"<details>.*?</details>", "", (ROOT / "README.md").read_text("utf-8"), flags=re.DOTALL)
    assert len(text.splitlines()) <= 40
