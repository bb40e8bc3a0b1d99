"""Manifests in files and directories: which of them name an API that a version of Kubernetes deprecates or removes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Final

from upgrade.removals.documents import DocumentReader, Use
from upgrade.removals.naming import Gone, Naming, gone
from upgrade.removals.rules import Removal, Rules, Standing
from upgrade.versions import KubernetesVersion

#: Bytes of a file, or of standard input; what is longer is not read, and told.
LARGEST_FILE: Final = 32 * 1024 * 1024
SUFFIXES: Final = (".yaml", ".yml", ".json", ".ndjson", ".jsonl", ".tpl", ".tmpl", ".gotmpl", ".j2")
SKIPPED_DIRECTORIES: Final = frozenset({".git", "node_modules", "vendor"})
STDIN: Final = "-"
STDIN_NAME: Final = "<stdin>"


@dataclass(frozen=True, slots=True)
class FileFinding:
    """A manifest in a file that names an API version which is deprecated or removed at the target."""

    path: str
    use: Use
    standing: Standing

    @property
    def conditional(self) -> bool:
        """Whether a template may as well choose a version that the target serves."""
        return bool(self.use.alternatives)

    @property
    def rule(self) -> Removal:
        return self.use.rule


@dataclass(frozen=True, slots=True)
class NamedInVain:
    """A webhook or a role in a file whose rules name what the target does not serve. It breaks nothing.

    Args:
        subject: ``ClusterRole/ops``, ``Role/shop/ops``.
    """

    path: str
    line: int
    subject: str
    lost: Gone


@dataclass(frozen=True, slots=True)
class UnreadPart:
    """What could not be read for certain: a file, or a document in it."""

    path: str
    line: int
    reason: str


@dataclass
class FileScan:
    """What a scan found, and what it did not look at.

    Args:
        named: what rules name in vain; no finding, because nothing breaks.
        files: how many were read.
        templates: how many documents are templates that nobody rendered, read line by line.
        prose: how many documents are text and nothing else: no manifests.
        passed_over: directories that are not looked into, by their paths.
        other_files: how many files in directories are no manifests by their names.
    """

    target: KubernetesVersion
    findings: list[FileFinding] = field(default_factory=list)
    named: list[NamedInVain] = field(default_factory=list)
    unread: list[UnreadPart] = field(default_factory=list)
    files: int = 0
    templates: int = 0
    prose: int = 0
    passed_over: list[str] = field(default_factory=list)
    other_files: int = 0

    def certain(self, standing: Standing) -> list[FileFinding]:
        return [one for one in self.findings if one.standing is standing and not one.conditional]

    @property
    def conditional(self) -> list[FileFinding]:
        return [one for one in self.findings if one.conditional]


def scan_files(
    paths: Sequence[str], target: KubernetesVersion, rules: Rules, *, stdin: BinaryIO, every: bool = False
) -> FileScan:
    """Read files, directories and, for ``-``, standard input. What cannot be read is told, never raised.

    Args:
        every: see DocumentReader.
    """
    scan = FileScan(target)
    reader = DocumentReader(rules, every=every)
    for path in dict.fromkeys(paths):
        if path == STDIN:
            _judge(scan, reader, STDIN_NAME, _bounded(stdin.read(LARGEST_FILE + 1)))
            continue
        for file in _files(scan, path):
            try:
                _judge(scan, reader, file, _content(file))
            except OSError as error:
                _untold(scan, file, error)
    return scan


def _judge(scan: FileScan, reader: DocumentReader, path: str, content: bytes | None) -> None:
    if content is None:
        scan.unread.append(UnreadPart(path, 1, f"it is larger than {LARGEST_FILE // 1024 // 1024} MiB: not read"))
        return
    scan.files += 1
    reading = reader.read(content)
    scan.findings += _findings(path, reading.uses, scan.target, reader)
    scan.named += _named(path, reading.namings, scan.target, reader)
    scan.templates += reading.templates
    scan.prose += reading.prose
    scan.unread += (UnreadPart(path, one.line, one.reason) for one in reading.unread)


def _findings(
    path: str, uses: Iterable[Use], target: KubernetesVersion, reader: DocumentReader
) -> Iterator[FileFinding]:
    for use in uses:
        standing = use.rule.status(target)
        if standing is None:
            continue
        # Of what a template chooses from, only that counts which makes a difference.
        better = tuple(name for name in use.alternatives if _standing(reader, name, use.kind, target) is not standing)
        yield FileFinding(path, _with_alternatives(use, better), standing)


def _named(
    path: str, namings: Iterable[Naming], target: KubernetesVersion, reader: DocumentReader
) -> Iterator[NamedInVain]:
    for naming in namings:
        subject = "/".join(filter(None, (naming.kind, naming.namespace, naming.name)))
        lost = dict.fromkeys(one for rules in naming.rules for one in gone(rules, reader.rules, target))
        yield from (NamedInVain(path, naming.line, subject, one) for one in lost)


def _standing(reader: DocumentReader, group_version: str, kind: str, target: KubernetesVersion) -> Standing | None:
    rule = reader.rule(group_version, kind)
    return rule.status(target) if rule else None


def _with_alternatives(use: Use, alternatives: tuple[str, ...]) -> Use:
    return use if use.alternatives == alternatives else replace(use, alternatives=alternatives)


def _files(scan: FileScan, path: str) -> Iterator[str]:
    """The files at a path: itself, or what is below it, in the order of names."""
    if not Path(path).is_dir():
        yield path
        return
    below = [path]
    while below:
        directory = below.pop()
        try:
            with os.scandir(directory) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            _untold(scan, directory, error)
            continue
        inner: list[str] = []
        for entry in found:
            if entry.is_dir():
                if entry.name in SKIPPED_DIRECTORIES or entry.is_symlink():
                    scan.passed_over.append(entry.path)
                else:
                    inner.append(entry.path)
            elif not entry.name.lower().endswith(SUFFIXES):
                scan.other_files += 1
            elif entry.is_file() or entry.is_symlink():
                yield entry.path
            else:
                scan.unread.append(UnreadPart(entry.path, 1, "it is no file"))
        below += reversed(inner)


def _content(path: str) -> bytes | None:
    """What stands in a file; None when that is too much. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        size = os.fstat(descriptor).st_size
        if size > LARGEST_FILE:
            return None
        content = os.read(descriptor, size + 1)
        if size and len(content) == size:
            return content
        # A pipe tells no size, and a file may grow meanwhile.
        with os.fdopen(os.dup(descriptor), "rb") as rest:
            return _bounded(content + rest.read(LARGEST_FILE + 1 - len(content)))
    finally:
        os.close(descriptor)


def _bounded(content: bytes) -> bytes | None:
    return None if len(content) > LARGEST_FILE else content


def _untold(scan: FileScan, path: str, error: OSError) -> None:
    scan.unread.append(UnreadPart(path, 1, f"{error.strerror or type(error).__name__}: not read"))
