"""One cluster's API server without HTTP: a request in, an answer out."""

from __future__ import annotations

import hmac
import itertools
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sandbox.kube import discovery, probes
from sandbox.kube.answers import Answer, aggregated_version, as_json, as_text, of_refusal
from sandbox.kube.authentication import ADMIN, ANONYMOUS, User, user_of
from sandbox.kube.authorization import Attributes, allows, forbidden
from sandbox.kube.bodies import read_body
from sandbox.kube.deleting import Deleter
from sandbox.kube.reading import Kind, Snapshot, Snapshots, render_list, render_object
from sandbox.kube.requests import Asked, HttpAsk, is_resource_path, parse
from sandbox.kube.resources import Served, find, served_by
from sandbox.kube.reviews import answer_review
from sandbox.kube.status import (
    Refused,
    expired,
    from_world,
    method_not_allowed,
    no_such_path,
    throttled,
    too_large_version,
    unauthorized,
)
from sandbox.kube.subresources import Subresources
from sandbox.kube.tables import columns_of
from sandbox.kube.watching import Watch
from sandbox.kube.writing import Writer
from sandbox.world.catalogue import minor
from sandbox.world.errors import KubernetesError, WatchExpired
from sandbox.world.model import Cluster
from sandbox.world.objects import CUSTOM_RESOURCES, Json
from sandbox.world.world import World

log = logging.getLogger(__name__)
EKS_TOKEN = "k8s-aws-v1."  # noqa: S105 (the prefix that all EKS tokens have)
CUT_SHARE = 0.3
Verb = Callable[[Asked, Kind], Answer]


@dataclass(frozen=True, slots=True)
class Told:
    """What a watcher is sent now, and whether the watch ends with it."""

    events: bytes
    over: bool = False


@dataclass(slots=True)
class Trouble:
    """What an API server that was just replaced does to its callers for a while (the `api-resets` fault)."""

    until: datetime | None = None
    owes_unauthorized: bool = False
    asked: itertools.count[int] = field(default_factory=itertools.count)


class ApiServer:
    """Authentication, authorization and all verbs of one cluster. Threads may call it at the same time."""

    def __init__(
        self, world: World, cluster: Cluster, verify_token: Callable[[str, str], str], admin_token: str
    ) -> None:
        self.cluster = cluster
        self.admin_token = admin_token
        self._world = world
        self._store = cluster.kube
        self._verify_token = verify_token
        self._snapshots = Snapshots()
        self._verbs = _verbs(Writer(world, cluster), Deleter(world, cluster), Subresources(world, cluster))
        self._compacted_at = 0
        self._requested_deprecated: set[Served] = set()
        self._trouble = Trouble()

    @property
    def resource_version(self) -> int:
        return self._store.resource_version

    def compact(self) -> None:
        """Forgets the past: watches and continue tokens of before are too old."""
        with self._world.current():
            self._compacted_at = self._store.resource_version
            self._snapshots.forget()

    def answer(self, ask: HttpAsk) -> Answer | Watch | None:
        """The answer, a watch to be streamed, or None when the connection is to be cut."""
        try:
            trouble = self._meet_trouble(ask)
            if trouble is not None:
                return None if trouble == "cut" else of_refusal(unauthorized())
            user = self._authenticate(ask)
            if is_resource_path(ask.path):
                return self._answer_resource(ask, user)
            return self._answer_path(ask, user)
        except Refused as refused:
            return of_refusal(refused)
        except Exception:
            log.exception("%s %s of cluster %s", ask.method, ask.path, self.cluster.name)
            message = "an error on the server has prevented the request from succeeding"
            return of_refusal(Refused(500, "InternalError", message))

    # --- who and whether ----------------------------------------------------------------------------------------------

    def _meet_trouble(self, ask: HttpAsk) -> str | None:
        """After a control-plane update, while the fault lasts: one 401 for a good token, then some cut connections."""
        with self._world.current() as world:
            until, trouble = self.cluster.api_resets_until, self._trouble
            if until is None or world.now >= until or EKS_TOKEN not in ask.header("authorization"):
                return None
            if trouble.until != until:
                trouble.until, trouble.owes_unauthorized = until, True
            number = next(trouble.asked)
            if trouble.owes_unauthorized:
                trouble.owes_unauthorized = False
                return "unauthorized"
            return "cut" if world.draws.fraction(self.cluster.key, "api-reset", number) < CUT_SHARE else None

    def _authenticate(self, ask: HttpAsk) -> User:
        header = ask.header("authorization")
        if not header:
            return ANONYMOUS
        scheme, _, token = header.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise unauthorized()
        if hmac.compare_digest(token.encode(), self.admin_token.encode()):
            return ADMIN
        if not token.startswith(EKS_TOKEN):
            raise unauthorized()
        try:
            principal = self._verify_token(token, self.cluster.name)
        except Exception:
            raise unauthorized() from None
        with self._world.current():
            user = user_of(self.cluster, principal)
        if user is None:
            raise unauthorized()
        return user

    def _authorize(self, user: User, attributes: Attributes) -> None:
        """Call it under the world's lock."""
        if not allows(user, attributes, self._store, self._world.faults.denied_rbac):
            raise forbidden(user, attributes)

    # --- paths that are no resource -----------------------------------------------------------------------------------

    def _answer_path(self, ask: HttpAsk, user: User) -> Answer:
        if ask.method not in ("GET", "HEAD"):
            raise method_not_allowed()
        with self._world.current() as world:
            self._authorize(user, Attributes("get", path=ask.path))
            served = self._served()
            version = probes.version_info(world.kube(self.cluster).git_version())
            metrics = probes.metrics(self.cluster, self._requested_deprecated) if ask.path == "/metrics" else ""
        path = ask.path.rstrip("/")
        if path == "/version":
            return as_json(version)
        if metrics:
            return as_text(metrics)
        if path.startswith(probes.HEALTH_PATHS):
            return as_text(probes.health(path, verbose="verbose" in ask.query))
        if path == "/openapi/v2":
            return self._openapi_v2(ask)
        document = self._document(ask, path, served)
        if document is None:
            raise no_such_path()
        return document

    def _document(self, ask: HttpAsk, path: str, served: list[Served]) -> Answer | None:
        """Discovery and OpenAPI documents."""
        together = aggregated_version(ask.header("accept"))
        if together and path in ("/api", "/apis"):
            document: Json | None = discovery.aggregated(served, core=path == "/api", version=together)
            content_type = f"application/json;g={discovery.AGGREGATED};v={together};as=APIGroupDiscoveryList"
            return Answer(200, as_json(document).body, content_type)
        parts = path.strip("/").split("/")
        match parts:
            case ["api"]:
                document = discovery.api_versions()
            case ["apis"]:
                document = discovery.api_groups(served)
            case ["api", version]:
                document = discovery.resource_list(served, "", version)
            case ["apis", group]:
                document = discovery.api_group(served, group)
            case ["apis", group, version]:
                document = discovery.resource_list(served, group, version)
            case ["openapi", "v3"]:
                document = discovery.openapi_paths(served)
            case ["openapi", "v3", *rest]:
                document = discovery.openapi_document(served, "/".join(rest))
            case _:
                document = None
        return None if document is None else as_json(document)

    def _openapi_v2(self, ask: HttpAsk) -> Answer:
        """A document without definitions; as protobuf, which kubectl asks for, that is no bytes at all."""
        if "proto-openapi" in ask.header("accept"):
            return Answer(200, b"", "application/com.github.proto-openapi.spec.v2.v1.0+protobuf")
        return as_json({"swagger": "2.0", "info": {"title": "Kubernetes", "version": "unversioned"}, "paths": {}})

    # --- resources ----------------------------------------------------------------------------------------------------

    def _served(self) -> list[Served]:
        return list(served_by(minor(self.cluster.version), self._store))

    def _answer_resource(self, ask: HttpAsk, user: User) -> Answer | Watch:
        asked = parse(ask)
        with self._world.current() as world:
            if world.faults.throttles(f"{asked.verb} {asked.plural}"):
                raise throttled(asked.plural)
            review = discovery.REVIEWS.get((asked.group, asked.version), {}).get(asked.plural)
            if review:
                self._authorize(user, asked.attributes)
                document = answer_review(review, read_body(asked), user, self._store, world.faults.denied_rbac)
                return as_json(document, 201)
            kind = self._kind(asked)
            self._authorize(user, asked.attributes)
        try:
            answer = self._dispatch(asked, kind)
        except KubernetesError as error:
            raise from_world(error, kind.served.resource, asked.name) from None
        return self._warned(answer, kind.served)

    def _dispatch(self, asked: Asked, kind: Kind) -> Answer | Watch:
        if asked.subresource and asked.subresource not in (*kind.served.subresources, "finalize"):
            raise no_such_path()
        if asked.verb == "watch":
            return Watch(asked, kind)
        if asked.verb == "list":
            return self._list(asked, kind)
        if asked.verb == "get" and asked.subresource in ("", "status"):
            with self._world.current() as world:
                found = self._store.get(kind.served.resource, asked.namespace or "", asked.name)
            return render_object(asked, kind, found, world.now)
        verb = self._verbs.get((asked.verb, asked.subresource))
        if verb is None:
            raise method_not_allowed()
        with self._world.current():
            return verb(asked, kind)

    def _kind(self, asked: Asked) -> Kind:
        served = find(self._served(), asked.group, asked.version, asked.plural)
        if served is None:
            raise no_such_path()
        resource = served.resource
        if resource.namespaced and asked.namespace is None and asked.verb not in ("list", "watch"):
            raise no_such_path() if asked.name else method_not_allowed()
        if not resource.namespaced and asked.namespace is not None:
            raise no_such_path()
        definition = self._store.find(CUSTOM_RESOURCES, "", f"{resource.plural}.{resource.group}")
        return Kind(served, columns_of(resource, definition), definition is not None)

    def _warned(self, answer: Answer | Watch, served: Served) -> Answer | Watch:
        if not served.deprecated_by(minor(self.cluster.version)):
            return answer
        self._requested_deprecated.add(served)
        if isinstance(answer, Answer):
            name = f"{served.resource.api_version} {served.resource.kind}"
            answer.headers["Warning"] = f'299 - "{name} is deprecated, unavailable in v1.{served.until}+"'
        return answer

    def _list(self, asked: Asked, kind: Kind) -> Answer:
        with self._world.current() as world:
            items = self._store.list(kind.served.resource, asked.namespace)
            version, now = self._store.resource_version, world.now
        return render_list(asked, kind, Snapshot(items, version, time.monotonic()), self._snapshots, now)

    # --- watches ------------------------------------------------------------------------------------------------------

    def begin_watch(self, watch: Watch) -> Told:
        """The first events of a watch: the present state, or what happened since its resource version."""
        asked = watch.asked
        with self._world.current() as world:
            now, present = world.now, self._store.resource_version
            if watch.begins_with_list:
                items = self._store.list(watch.kind.served.resource, asked.namespace)
        if watch.begins_with_list:
            return Told(watch.begin(items, present, now))
        watch.seen = asked.number("resourceVersion") or 0
        if watch.seen > present:
            return Told(watch.error(too_large_version(watch.seen, present)), over=True)
        return self.continue_watch(watch)

    def continue_watch(self, watch: Watch) -> Told:
        """What has happened since the watcher looked last."""
        try:
            with self._world.current() as world:
                self._refuse_compacted(watch.seen)
                changes = self._store.changes_since(watch.seen, watch.kind.served.resource, watch.asked.namespace)
                version, now = self._store.resource_version, world.now
        except WatchExpired as error:
            return Told(watch.error(expired(error.message)), over=True)
        return Told(watch.follow(changes, version, now))

    def _refuse_compacted(self, version: int) -> None:
        if version < self._compacted_at:
            raise WatchExpired(f"too old resource version: {version} ({self._compacted_at})")

    def bookmark(self, watch: Watch) -> bytes:
        with self._world.current() as world:
            return watch.bookmark(world.now)


def _verbs(writer: Writer, deleter: Deleter, subresources: Subresources) -> dict[tuple[str, str], Verb]:
    """What is done for a verb on a subresource."""
    return {
        ("create", ""): writer.create,
        ("update", ""): writer.update,
        ("patch", ""): writer.patch,
        ("update", "status"): writer.update,
        ("patch", "status"): writer.patch,
        ("delete", ""): deleter.delete,
        ("deletecollection", ""): deleter.delete_collection,
        ("get", "scale"): subresources.get_scale,
        ("update", "scale"): subresources.update_scale,
        ("patch", "scale"): subresources.patch_scale,
        ("create", "eviction"): subresources.evict,
        ("get", "log"): subresources.log,
        ("get", "proxy"): subresources.proxy,
        ("update", "finalize"): subresources.finalize,
    }
