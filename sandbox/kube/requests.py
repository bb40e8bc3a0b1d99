"""What a request asks for: its path and query taken apart as the API server does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.kube.authorization import Attributes
from sandbox.kube.status import bad_request, method_not_allowed, no_such_path

_NAMESPACE_SUBRESOURCES = ("status", "finalize")
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}
_TRUE = ("true", "1")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a resource.

    `namespace` is None for all namespaces or the cluster scope; `name` is empty for a collection.
    """

    verb: str
    group: str
    version: str
    plural: str
    namespace: str | None
    name: str
    subresource: str
    query: Mapping[str, str]
    body: bytes
    content_type: str
    accept: str
    user_agent: str = ""
    subpath: str = ""
    """What follows a proxy subresource: the path that is asked of whom it leads to."""

    @property
    def attributes(self) -> Attributes:
        return Attributes(self.verb, self.group, self.plural, self.subresource, self.namespace or "", self.name)

    @property
    def dry_run(self) -> bool:
        """Raises Refused (400) for anything but `All`."""
        value = self.query.get("dryRun", "")
        if value not in ("", "All"):
            raise bad_request(f'dryRun: Unsupported value: "{value}": supported values: "All"')
        return value == "All"

    def flag(self, name: str) -> bool:
        return self.query.get(name, "").lower() in _TRUE

    def number(self, name: str) -> int | None:
        """A whole number of the query. Raises Refused (400)."""
        text = self.query.get(name, "")
        if not text:
            return None
        if not text.isdecimal():
            raise bad_request(f'strconv.ParseUint: parsing "{text}": invalid syntax: {name} must be a whole number')
        return int(text)


def is_resource_path(path: str) -> bool:
    """Whether the path is below a group version, so that it names a resource."""
    parts = path.strip("/").split("/")
    return (parts[0] == "api" and len(parts) > 2) or (parts[0] == "apis" and len(parts) > 3)


@dataclass(frozen=True, slots=True)
class HttpAsk:
    """An HTTP request, read whole. Header names in any case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers.items() if key.lower() == name), "")


def parse(ask: HttpAsk) -> Asked:
    """Takes a resource path apart. Raises Refused: 404 for a path of no known form, 405 for a method it lacks."""
    parts = ask.path.strip("/").split("/")
    if parts[0] == "api":
        group, version, parts = "", parts[1], parts[2:]
    else:
        group, version, parts = parts[1], parts[2], parts[3:]
    namespace: str | None = None
    if parts[0] == "namespaces" and len(parts) > 2 and parts[2] not in _NAMESPACE_SUBRESOURCES:
        namespace, parts = parts[1], parts[2:]
    subpath = ""
    if len(parts) > 3 and parts[2] == "proxy":
        parts, subpath = parts[:3], "/".join(parts[3:])
    if not all(parts) or len(parts) > 3 or namespace == "":
        raise no_such_path()
    plural, name, subresource = [*parts, "", ""][:3]
    return Asked(
        verb=_verb(ask.method, name, ask.query),
        group=group,
        version=version,
        plural=plural,
        namespace=namespace,
        name=name,
        subresource=subresource,
        query=ask.query,
        body=ask.body,
        content_type=ask.header("content-type"),
        accept=ask.header("accept"),
        user_agent=ask.header("user-agent"),
        subpath=subpath,
    )


def _verb(method: str, name: str, query: Mapping[str, str]) -> str:
    if method in ("GET", "HEAD"):
        if name:
            return "get"
        return "watch" if query.get("watch", "").lower() in _TRUE else "list"
    if method == "DELETE":
        return "delete" if name else "deletecollection"
    if method not in _VERBS or (bool(name) is False and method != "POST"):
        raise method_not_allowed()
    return _VERBS[method]
