"""Installed without its extra, the sandbox says what to install."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import LONGEST

HIDING = """
import sys

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "{package}":
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hide())
"""


@pytest.mark.parametrize("package", ["aiohttp", "cryptography", "moto"])
def test_a_missing_extra_is_one_line_that_names_it(tmp_path: Path, package: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(HIDING.format(package=package))
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", "--help"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert done.returncode == 78
    assert done.stderr.splitlines() == [
        f"The sandbox needs packages of its own ({package} is missing): pip install 'eks-upgrade-bot[sandbox]'"
    ]
