"""Simulated AWS.

moto reads the AWS variables and files of whoever imports it: a profile that is not there would end us, and a real
account is none of our business. So this process forgets them before anything of moto is imported.
"""

import os
from collections.abc import MutableMapping


def forget_accounts(environment: MutableMapping[str, str] = os.environ) -> None:
    """Take every AWS setting out, and put the files and the metadata service of real ones out of sight."""
    for name in [name for name in environment if name.startswith("AWS_")]:
        del environment[name]
    environment["AWS_CONFIG_FILE"] = environment["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    environment["AWS_EC2_METADATA_DISABLED"] = "true"


forget_accounts()
