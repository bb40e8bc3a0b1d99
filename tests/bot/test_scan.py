"""The command ``scan``: exit codes, formats, rules of one's own, and names that want to be more than names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bot.__main__ import run
from bot.cli import cli

REMOVED = "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: web, namespace: shop}\n"
DEPRECATED = "apiVersion: v1\nkind: Endpoints\nmetadata: {name: web}\n"
BROKEN = "apiVersion: v1\nkind: [\n"
CHOOSES = (
    "{{ if x }}\napiVersion: policy/v1\n{{ else }}\napiVersion: policy/v1beta1\n{{ end }}\nkind: PodDisruptionBudget\n"
)
HOSTILE = "\x1b[31m`<!channel>`|@everyone](https://evil.example)\u202e" + "x" * 10_000


def scan(*arguments: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(cli, ["scan", "--to", "1.34", *arguments], input=stdin, catch_exceptions=False)


@pytest.mark.parametrize(
    ("manifests", "code"),
    [
        ([], 0),
        ([DEPRECATED], 10),
        ([REMOVED, DEPRECATED], 11),
        ([BROKEN], 12),
        ([CHOOSES], 12),
        ([BROKEN, DEPRECATED], 10),
        ([BROKEN, REMOVED, DEPRECATED], 11),
    ],
)
def test_what_is_found_wins_over_what_could_not_be_read(manifests: list[str], code: int) -> None:
    result = scan("-", stdin="\n---\n".join(["a: b", *manifests]))
    assert result.exit_code == code
    assert ("not read for certain" in result.stdout) is (BROKEN in manifests)


def test_the_help_names_the_exit_codes() -> None:
    words = " ".join(scan("--help").stdout.split())
    for told in ("Exit 0", "10 for deprecated", "11 for removed", "12 when not everything", "11 before 10 before 12"):
        assert told in words


def test_text_says_where_and_how_to_convert(tmp_path: Path) -> None:
    (tmp_path / "pdb.yaml").write_text(f"---\n{REMOVED}")
    told = scan(str(tmp_path)).stdout
    assert "REMOVED in 1.25: policy/v1beta1 PodDisruptionBudget" in told
    assert f"{tmp_path}/pdb.yaml:2 shop/web" in told
    assert "Write it as policy/v1" in told


def test_json_holds_everything(tmp_path: Path) -> None:
    (tmp_path / "pdb.yaml").write_text(REMOVED)
    (tmp_path / "b.yaml").write_text(BROKEN)
    (tmp_path / ".git").mkdir()
    told: dict[str, Any] = json.loads(scan(str(tmp_path), "--format", "json").stdout)
    (one,) = told["findings"]
    assert told["schema_version"] == 1
    assert told["summary"]["removed"] == told["summary"]["unread"] == 1
    assert (one["status"], one["removed_in"], one["replacement"], one["line"]) == ("removed", "1.25", "policy/v1", 1)
    assert told["passed_over"] == [str(tmp_path / ".git")]
    assert told["unread"][0]["path"].endswith("b.yaml")


def test_sarif_points_at_lines(tmp_path: Path) -> None:
    (tmp_path / "a b.yaml").write_text(f"a: b\n---\n{REMOVED}---\n{DEPRECATED}---\n{BROKEN}")
    (one,) = json.loads(scan(str(tmp_path), "--format", "sarif").stdout)["runs"]
    assert [(result["ruleId"], result["level"]) for result in one["results"]] == [
        ("api-removed", "error"),
        ("api-deprecated", "warning"),
    ]
    place = one["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == f"file://{tmp_path}/a%20b.yaml"
    assert place["region"]["startLine"] == 3
    assert len(one["invocations"][0]["toolExecutionNotifications"]) == 1
    assert {rule["id"] for rule in one["tool"]["driver"]["rules"]} >= {result["ruleId"] for result in one["results"]}


@pytest.mark.parametrize("form", ["text", "json", "sarif", "markdown"])
def test_hostile_names_stay_names(form: str, tmp_path: Path) -> None:
    manifest = json.dumps(
        {"apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget", "metadata": {"name": HOSTILE}}
    )
    result = scan("-", "--format", form, stdin=manifest)
    assert result.exit_code == 11
    assert "\x1b" not in result.stdout
    if form == "markdown":
        assert "everyone" in result.stdout
        assert all("everyone" not in "".join(line.split("`")[::2]) for line in result.stdout.splitlines())
        assert all(line.count("`") in (0, 2) for line in result.stdout.splitlines())
    if form in ("json", "sarif"):
        json.loads(result.stdout)


@pytest.mark.parametrize("form", ["text", "json", "sarif", "markdown"])
def test_every_format_tells_rules_that_name_what_is_gone_and_exits_clean(form: str) -> None:
    rules = [{"apiGroups": ["extensions"], "resources": ["ingresses"], "verbs": ["get"]}]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": HOSTILE}}
    result = scan("-", "--format", form, stdin=json.dumps(role | {"rules": rules}))
    assert result.exit_code == 0
    assert "ingresses.extensions" in result.stdout
    assert "\x1b" not in result.stdout
    if form == "markdown":
        assert all("everyone" not in "".join(line.split("`")[::2]) for line in result.stdout.splitlines())


def test_documents_of_plain_text_are_told() -> None:
    result = scan("-", stdin="Only a note.\n")
    assert (result.exit_code, "1 document of plain text" in result.stdout) == (0, True)


def test_a_path_that_is_no_unicode_is_shown(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    Path(str(folder) + "/\udcff.yaml").write_text(REMOVED)
    for form in ("text", "json", "sarif", "markdown"):
        assert scan(str(folder), "--format", form).exit_code == 11


def test_own_rules_add_and_override(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "- {group_version: example.com/v1alpha1, removed_in: '1.30'}\n"
        "- {group_version: policy/v1beta1, kind: PodDisruptionBudget}\n"
    )
    widget = "apiVersion: example.com/v1alpha1\nkind: Widget\n"
    assert scan("-", "--rules", str(rules), stdin=widget).exit_code == 11
    assert scan("-", "--rules", str(rules), stdin=REMOVED).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["scan", "-"], 64, "--to"),
        (["scan", "--to", "soon", "-"], 64, "1.34"),
        (["scan", "--to", "1.34"], 64, "PATH"),
        (["scan", "--to", "1.34", "--rules", "RULES", "-"], 1, "no list of rules"),
    ],
)
def test_what_was_typed_wrong_is_told(
    arguments: list[str], code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("a: b")
    assert run([str(rules) if one == "RULES" else one for one in arguments]) == code
    assert said in capsys.readouterr().err


def test_a_path_that_is_not_there_never_passes_for_clean() -> None:
    assert scan("/nowhere/at/all").exit_code == 12
