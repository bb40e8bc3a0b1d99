"""What is shipped: the wheel with its data, the image, the locks."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any, Final

import pytest

from bot.cli import command_named
from tests.patience import LONGEST

ROOT: Final = Path(__file__).parents[1]
LOCKS: Final = ("requirements.lock", "requirements-sandbox.lock", "requirements-dev.lock")
# Only what git knows is built, so that leftovers of a working tree prove nothing.
_SOURCES: Final = ("pyproject.toml", "README.md", "LICENSE", "bot", "handlers", "upgrade", "sandbox")
_DATA: Final = (
    "handlers/templates/*",
    "upgrade/data/*",
    "upgrade/py.typed",
    "sandbox/scenarios/*.yaml",
    "sandbox/world/*.yaml",
    "sandbox/page/static/*",
)


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    content: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return content


# -- the wheel -------------------------------------------------------------------------------------------------------


@pytest.fixture
def wheel(tmp_path: Path) -> set[str]:
    """Names of the files in a wheel that is built without a network."""
    listed = _run("git", "ls-files", "-z", "--", *_SOURCES, cwd=ROOT).split("\0")
    for name in filter(None, listed):
        if (ROOT / name).exists():
            copy = tmp_path / "source" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((ROOT / name).read_bytes())
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet")
    _run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        *options,
        "--wheel-dir",
        str(tmp_path),
        str(tmp_path / "source"),
        cwd=tmp_path,
    )
    (built,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


def _run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=LONGEST)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_every_module_all_data_the_licence_and_no_test(wheel: set[str]) -> None:
    """One test, because each worker that runs a part of it would build the wheel anew."""
    for pattern in _DATA:
        wanted = {str(path.relative_to(ROOT)) for path in ROOT.glob(pattern) if path.is_file()}
        assert wanted, pattern
        assert wanted - wheel == set()
    listed = _run("git", "ls-files", "-z", "--", "bot", "handlers", "upgrade", "sandbox", cwd=ROOT).split("\0")
    assert {name for name in listed if name.endswith(".py") and (ROOT / name).exists()} - wheel == set()
    assert {name.split("/")[0] for name in wheel if ".dist-info" not in name} == {
        "bot",
        "handlers",
        "upgrade",
        "sandbox",
    }
    assert [name for name in wheel if name.endswith("dist-info/licenses/LICENSE")]


# -- the image -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dockerfile() -> list[tuple[str, str]]:
    """(instruction, rest), a line each, the continued ones joined."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text("utf-8"))
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def instructions(dockerfile: list[tuple[str, str]], kind: str) -> list[str]:
    return [rest for name, rest in dockerfile if name == kind]


def test_everything_that_the_image_copies_is_there_and_reaches_the_build(dockerfile: list[tuple[str, str]]) -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")}
    copied = [
        source
        for rest in instructions(dockerfile, "COPY")
        if "--from=" not in rest
        for source in [word for word in rest.split() if not word.startswith("--")][:-1]
    ]
    assert len(copied) >= 8
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(source == one or source.startswith(f"{one}/") for one in allowed), source


def test_the_image_installs_from_a_lock_with_hashes_and_nothing_beside_it(dockerfile: list[tuple[str, str]]) -> None:
    steps = [step for rest in instructions(dockerfile, "RUN") for step in rest.split("&&")]
    installs = [step for step in steps if re.search(r"\bpip install\b", step)]
    locked = [step for step in installs if "--require-hashes" in step]
    assert [step.split("-r ")[1].split()[0] for step in locked] == ["requirements-sandbox.lock"]
    assert all("--no-deps" in step for step in installs)
    assert all("--no-build-isolation" in step for step in installs if step not in locked)


def test_the_image_has_two_stages_and_no_root(dockerfile: list[tuple[str, str]]) -> None:
    stages = instructions(dockerfile, "FROM")
    assert [stage.split()[0] for stage in stages] == ["python:3.13-slim", "python:3.13-slim"]
    (user,) = instructions(dockerfile, "USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert dockerfile.index(("USER", user)) > dockerfile.index(("FROM", stages[-1]))
    assert instructions(dockerfile, "VOLUME") == ["/data"]


def test_the_health_check_and_the_default_are_commands_of_the_bot(dockerfile: list[tuple[str, str]]) -> None:
    (check,) = instructions(dockerfile, "HEALTHCHECK")
    command = re.findall(r'"([^"]+)"', check.partition("CMD")[2])
    assert command[0] == "eks-upgrade-bot"
    assert command_named(command[1]).name == "healthcheck"
    (default,) = instructions(dockerfile, "CMD")
    assert command_named(re.findall(r'"([^"]+)"', default)[0]).name == "serve"


def test_the_entry_point_knows_the_sandbox() -> None:
    done = subprocess.run(["sh", "-n", str(ROOT / "deploy/entrypoint.sh")], capture_output=True, check=False)
    assert done.returncode == 0
    assert "exec eks-upgrade-sandbox" in (ROOT / "deploy/entrypoint.sh").read_text("utf-8")


# -- the locks -------------------------------------------------------------------------------------------------------


def requirements(lock: str) -> dict[str, str]:
    """Text of each requirement by its name, its hashes with it."""
    text = (ROOT / lock).read_text("utf-8").replace("\\\n", " ")
    found = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    return {_name(line): line for line in found}


def _name(requirement: str) -> str:
    return re.split(r"[\[=<>!~; ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_have_hashes_and_no_addresses(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links|file:", text)
    for name, line in requirements(lock).items():
        assert "==" in line, name
        assert "--hash=sha256:" in line, name


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        ("requirements.lock", ()),
        ("requirements-sandbox.lock", ("sandbox",)),
        ("requirements-dev.lock", ("sandbox", "dev")),
    ],
)
def test_locks_hold_what_the_project_asks_for(lock: str, extras: tuple[str, ...], project: dict[str, Any]) -> None:
    wanted = [*project["dependencies"], *(one for extra in extras for one in project["optional-dependencies"][extra])]
    assert {_name(one) for one in wanted} - requirements(lock).keys() == set()


def test_the_runtime_lock_has_no_development_tools(project: dict[str, Any]) -> None:
    tools = {_name(one) for one in project["optional-dependencies"]["dev"]} | {"moto"}
    assert requirements("requirements.lock").keys() & tools == set()


def test_locks_agree_with_each_other() -> None:
    runtime, development = requirements("requirements.lock"), requirements("requirements-dev.lock")
    pinned = {name: line.split("--hash")[0].partition(";")[0].strip() for name, line in runtime.items()}
    assert {name: pin for name, pin in pinned.items() if not development[name].startswith(pin)} == {}


def test_time_zones_come_along_everywhere() -> None:
    """Slim images have none, and a cluster's maintenance windows are in its own."""
    assert ";" not in requirements("requirements.lock")["tzdata"].split("--hash")[0]
