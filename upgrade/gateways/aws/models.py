"""botocore's service models: read fast, and without what is never read of an answer."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from botocore.loaders import JSONFileLoader, Loader

_OPENED_BY: Final[dict[str, Callable[[Path, str], Any]]] = {".json": open, ".json.gz": gzip.open}
#: What is read of an EC2 instance. Its other half a hundred members, disks and network interfaces among them, are most
#: of the seconds that thousands of instances take to parse.
_INSTANCE: Final = frozenset(
    {"InstanceId", "InstanceType", "InstanceLifecycle", "ImageId", "Placement", "CpuOptions", "MetadataOptions", "Tags"}
)


class _ModelFiles(JSONFileLoader):  # type: ignore[misc]
    """The same files. botocore's own way, Python's parser with a hook for each object, takes twice as long."""

    def load_file(self, file_path: str) -> Any:
        for ending, opened in _OPENED_BY.items():
            path = Path(file_path + ending)
            if path.is_file():
                with opened(path, "rb") as file:
                    return msgspec.json.decode(file.read())
        return None


class ModelLoader(Loader):  # type: ignore[misc]
    """botocore's loader; keeps what it has read, so one serves the whole process."""

    FILE_LOADER_CLASS = _ModelFiles

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        model = super().load_service_model(service_name, type_name, api_version)
        if (service_name, type_name) == ("ec2", "service-2"):
            members = model["shapes"]["Instance"]["members"]
            for name in members.keys() - _INSTANCE:
                del members[name]
        return model
