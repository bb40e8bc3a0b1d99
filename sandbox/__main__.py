"""The console script ``eks-upgrade-sandbox``: the command, or what to install for it."""

from __future__ import annotations

import sys
from typing import Final

CONFIGURATION: Final = 78


def main() -> None:
    """Run the command. Without the packages of the extra ``sandbox`` say so, and exit 78."""
    try:
        from sandbox.command import main as command  # noqa: PLC0415 - needs the extra
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == "sandbox":
            raise
        sys.stderr.write(
            f"The sandbox needs packages of its own ({package} is missing): pip install 'eks-upgrade-bot[sandbox]'\n"
        )
        sys.exit(CONFIGURATION)
    command()


if __name__ == "__main__":
    main()
