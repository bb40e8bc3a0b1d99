"""Directories and files: what is looked into, and what is told when it is not."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from tests.upgrade.snapshots import k8s
from upgrade.removals import files
from upgrade.removals.files import FileScan, scan_files
from upgrade.removals.rules import Standing, builtin_rules

BUDGET = "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: web}\n"


def scan(*paths: Path | str, target: str = "1.25", stdin: bytes = b"") -> FileScan:
    return scan_files([str(path) for path in paths], k8s(target), builtin_rules(), stdin=io.BytesIO(stdin))


def put(folder: Path, name: str, text: str = BUDGET) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_directories_are_read_with_all_below_them(tmp_path: Path) -> None:
    for name in ("a.yaml", "b/c/d.yml", "b/e.json.gotmpl", "b/.hidden/f.YAML", "z.tpl"):
        put(tmp_path, name)
    put(tmp_path, "README.md")
    for name in (".git", "node_modules", "b/vendor"):
        put(tmp_path, f"{name}/x.yaml")
    found = scan(tmp_path)
    assert [one.path.removeprefix(f"{tmp_path}/") for one in found.findings] == [
        "a.yaml",
        "z.tpl",
        "b/e.json.gotmpl",
        "b/.hidden/f.YAML",
        "b/c/d.yml",
    ]
    assert sorted(Path(path).name for path in found.passed_over) == [".git", "node_modules", "vendor"]
    assert (found.files, found.other_files, found.unread) == (5, 1, [])


def test_a_file_that_is_named_is_read_whatever_it_is_called(tmp_path: Path) -> None:
    path = put(tmp_path, "vendor/rendered")
    assert len(scan(path).findings) == len(scan(tmp_path / "vendor", path).findings) == 1
    assert len(scan(path, path).findings) == 1


def test_standard_input_and_pipes_are_read(tmp_path: Path) -> None:
    (one,) = scan("-", stdin=BUDGET.encode()).findings
    assert one.path == "<stdin>"
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(BUDGET.encode())
    try:
        assert len(scan(f"/dev/fd/{reading}").findings) == 1
    finally:
        os.close(reading)


def test_the_target_decides_what_an_api_is(tmp_path: Path) -> None:
    path = put(tmp_path, "a.yaml")
    standings = {version: [one.standing for one in scan(path, target=version).findings] for version in ("1.20", "1.24")}
    assert standings == {"1.20": [], "1.24": [Standing.DEPRECATED]}


@pytest.mark.parametrize(
    ("old", "target", "conditional"),
    [("policy/v1", "1.25", True), ("policy/v1", "1.24", True), ("policy/v1beta1", "1.25", False)],
)
def test_a_choice_counts_only_when_it_makes_a_difference(
    tmp_path: Path, old: str, target: str, conditional: bool
) -> None:
    head, _, tail = BUDGET.partition("\n")
    text = f"{{{{ if x }}}}\n{head.replace('policy/v1beta1', old)}\n{{{{ else }}}}\n{head}\n{{{{ end }}}}\n{tail}"
    assert {one.conditional for one in scan(put(tmp_path, "a.yaml", text), target=target).findings} == {conditional}


ROLE = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: ops\n  namespace: shop\nrules:\n"
HOOK = (
    "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: guard}\n"
    "webhooks:\n- rules: [{apiGroups: [policy], apiVersions: [%s], resources: [poddisruptionbudgets]}]\n"
)


def test_rules_that_name_what_the_target_does_not_serve_are_told_and_are_no_finding(tmp_path: Path) -> None:
    role = f"{ROLE}- {{apiGroups: [extensions], resources: [ingresses/status], verbs: [get]}}\n"
    found = scan(put(tmp_path, "a.yaml", f"a: b\n---\n{role}---\n{HOOK % 'v1beta1'}"))
    assert [(one.subject, one.lost.api, one.line) for one in found.named] == [
        ("Role/shop/ops", "ingresses.extensions", 6),
        ("ValidatingWebhookConfiguration/guard", "poddisruptionbudgets.v1beta1.policy", 13),
    ]
    assert found.findings == []


@pytest.mark.parametrize(
    ("text", "target"),
    [
        (f"{ROLE}- {{apiGroups: [extensions], resources: [ingresses], verbs: [get]}}\n", "1.21"),
        (f"{ROLE}- {{apiGroups: [extensions, networking.k8s.io], resources: [ingresses], verbs: [get]}}\n", "1.25"),
        (f"{ROLE}- {{apiGroups: [policy], resources: [poddisruptionbudgets], verbs: [get]}}\n", "1.25"),
        (f"{ROLE}- {{apiGroups: ['*'], resources: ['*'], verbs: ['*']}}\n", "1.25"),
        (f"{ROLE}- {{apiGroups: [extensions], resources: [ingresses]}}\n".replace("rbac.", "rbac2."), "1.25"),
        (f"{ROLE}- apiGroups: extensions\n  resources: {{a: b}}\n- ingresses\n", "1.25"),
        (HOOK % "v1beta1, v1", "1.25"),
    ],
)
def test_rules_that_also_name_where_it_lives_on_are_fine(tmp_path: Path, text: str, target: str) -> None:
    assert scan(put(tmp_path, "a.yaml", text), target=target).named == []


def test_what_is_too_large_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST_FILE", len(BUDGET))
    fits, large = put(tmp_path, "fits.yaml"), put(tmp_path, "large.yaml", f"{BUDGET}#")
    found = scan(fits, large, "-", stdin=f"{BUDGET}#".encode())
    assert [one.path for one in found.findings] == [str(fits)]
    assert [(one.path, "larger" in one.reason) for one in found.unread] == [(str(large), True), ("<stdin>", True)]


def test_what_is_not_there_or_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "linked").symlink_to("/etc")
    found = scan(tmp_path, tmp_path / "misspelt.yaml")
    assert {(Path(one.path).name, one.reason) for one in found.unread} == {
        ("gone.yaml", "No such file or directory: not read"),
        ("pipe.yaml", "it is no file"),
        ("misspelt.yaml", "No such file or directory: not read"),
    }
    assert found.passed_over == [str(tmp_path / "linked")]
    assert found.files == 0
