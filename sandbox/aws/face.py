"""The AWS face: one HTTP server on loopback that boto3 reaches through AWS_ENDPOINT_URL.

Every request passes the same gate whatever its service: who signed it, is it to be spoiled, is it allowed. Then EKS is
answered from the world, the rest by moto, which is brought up to date with the world first.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.aws.credentials import Credential, CredentialStore, Principal
from sandbox.aws.disturbances import Disturbances
from sandbox.aws.eks import protocol
from sandbox.aws.eks.app import answer_eks
from sandbox.aws.mirror import Mirror
from sandbox.aws.mirrored import unique_id
from sandbox.aws.moto_services import MotoServices
from sandbox.aws.permissions import Permissions
from sandbox.aws.requests import PROTOCOLS, Answer, ApiRequest, form_fields, refuse
from sandbox.aws.server import HttpServer, LostConnection
from sandbox.aws.signatures import Scope, SignatureRejected, SignedRequest, scope_of, verify_headers, verify_query
from sandbox.aws.simulation import simulate_principal_policy
from sandbox.aws.sts import Session, refuse_assume_role, remember_session
from sandbox.aws.surroundings.app import MODELS, SurroundingServices
from sandbox.aws.tokens import verify_token
from sandbox.world.world import World

log = logging.getLogger(__name__)

_READING = ("Describe", "List", "Get", "Simulate", "AssumeRole", "Search", "Decode", "StartQuery", "StopQuery")


@dataclass(frozen=True, slots=True)
class AwsCall:
    """A call that would change something, as it arrived.

    `at` is domain time; `code` is the error's name, empty for success.
    """

    at: datetime
    service: str
    operation: str
    account: str
    region: str
    principal_arn: str
    session_name: str | None
    source_identity: str | None
    token: str | None
    parameters: dict[str, Any] = field(hash=False)
    status: int
    code: str


class AwsFace:
    """Simulated AWS over HTTP.

    `calls` are the mutating calls that arrived, `sessions` what AssumeRole gave out, `counts` how often each
    `service:Operation` came, `disturbances` what goes wrong with answers on purpose.
    """

    def __init__(self, world: World, host: str = "127.0.0.1") -> None:
        self.world = world
        self.credentials = CredentialStore()
        self.permissions = Permissions(world)
        self.disturbances = Disturbances(world)
        self.calls: list[AwsCall] = []
        self.sessions: list[Session] = []
        self.counts: Counter[str] = Counter()
        self._services = MotoServices()
        self._mirror = Mirror(world, self._services)
        self._surroundings = SurroundingServices(world)
        self._server = HttpServer(host, self._handle)
        self._lock = threading.Lock()

    # --- life ---

    def start(self, port: int = 0) -> str:
        """Listens and gives the address for AWS_ENDPOINT_URL."""
        return self._server.start(port)

    def stop(self) -> None:
        """Closes the port and every connection, and leaves moto as it was. May be started again."""
        self._server.stop()
        self._services.withdraw()

    @property
    def url(self) -> str:
        """The address, once started."""
        return self._server.url

    # --- identities ---

    def issue_bot_credentials(self) -> Credential:
        """The bot's own identity: a user of the scenario's first account that may assume roles and nothing else."""
        actions = ("sts:AssumeRole", "sts:SetSourceIdentity")
        return self.issue_user_credentials(next(iter(self.world.accounts)), "eks-upgrade-bot", actions)

    def issue_user_credentials(self, account: str, name: str, actions: tuple[str, ...] = ("*",)) -> Credential:
        """A long-lived access key of an IAM user who may take `actions`."""
        arn = f"arn:aws:iam::{account}:user/{name}"
        user_id = f"AIDA{unique_id(arn)}"
        self.permissions.allow_user(arn, actions)
        return self._issue(Principal(account=account, arn=arn, user_id=user_id))

    def issue_role_credentials(self, role_arn: str, session_name: str = "sandbox") -> Credential:
        """A session of one of the world's roles, as a pod has it. Raises KeyError for an unknown role."""
        if self.permissions.role(role_arn) is None:
            raise KeyError(role_arn)
        _, partition, _, _, account, path = role_arn.split(":", 5)
        arn = f"arn:{partition}:sts::{account}:assumed-role/{path.rsplit('/', 1)[-1]}/{session_name}"
        user_id = f"AROA{unique_id(role_arn)}:{session_name}"
        return self._issue(Principal(account, arn, user_id, role_arn=role_arn, session_name=session_name))

    def verify_token(self, token: str, cluster_name: str) -> Principal:
        """Who made this cluster token, for the Kubernetes face. Raises TokenRejected."""
        return verify_token(token, cluster_name, self.credentials, datetime.now(UTC), own_hosts=(self._server.netloc,))

    def _issue(self, principal: Principal) -> Credential:
        credential = self.credentials.issue(principal)
        self._mirror.know(principal, credential.access_key_id)
        return credential

    # --- requests ---

    def _handle(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        path, _, query = target.partition("?")
        signed = SignedRequest(method, path, query, headers, body)
        try:
            return self._answer(signed)
        except LostConnection:
            raise
        except Exception:
            log.exception("the simulation failed at %s %s", method, path)
            return refuse(_guessed_service(signed), "internal-failure", "The simulation failed; its log says why.")

    def _answer(self, signed: SignedRequest) -> Answer:
        try:
            credential, scope = self._signer(signed)
        except SignatureRejected as error:
            return refuse(_guessed_service(signed), error.flaw, error.message)
        if scope.service not in PROTOCOLS:
            return refuse(scope.service, "unknown-operation", f"The sandbox does not simulate {scope.service}.")
        request, route = _api_request(signed, scope, credential)
        if request is None:
            message = f"{scope.service} has no operation for {signed.method} {signed.path}."
            return refuse(scope.service, "unknown-operation", message)
        return self._gate(request, route)

    def _signer(self, signed: SignedRequest) -> tuple[Credential, Scope]:
        now = datetime.now(UTC)
        if "authorization" in signed.headers or "X-Amz-Signature" not in signed.query:
            return verify_headers(signed, self.credentials, now)
        credential, scope, signed_at, lifetime = verify_query(signed, self.credentials, now)
        if now - signed_at > lifetime:
            raise SignatureRejected("expired-token", "Signature expired")
        return credential, scope

    def _gate(self, request: ApiRequest, route: protocol.Route | None) -> Answer:
        with self._lock:
            self.counts[request.action] += 1
        parameters: dict[str, Any] = dict(request.form)
        answer = self.disturbances.before(request)
        if answer is None:
            refusal = self.permissions.refusal(request.principal, request.action, _resource(request, route))
            if refusal is not None:
                answer = refuse(request.service, "access-denied", refusal)
        if answer is None:
            if request.service in MODELS:
                answer = self._surroundings.answer(request, route)
            elif route is not None:
                answer, parameters = answer_eks(self.world, request, route)
            elif request.action == "iam:SimulatePrincipalPolicy":
                answer = simulate_principal_policy(request, self.permissions)
            else:
                answer = self._from_moto(request)
        elif route is not None:
            parameters = {**route.uri, "body": request.body.decode("utf-8", "replace")}
        self._record(request, parameters, answer)
        return self.disturbances.after(request, answer)

    def _from_moto(self, request: ApiRequest) -> Answer:
        assuming = request.action == "sts:AssumeRole"
        if assuming and (refusal := refuse_assume_role(request, self.permissions)) is not None:
            return refusal
        whose = request.form["RoleArn"] if assuming else request.principal.arn
        _, partition, _, _, account, _ = whose.split(":", 5)
        # STS tells a session by the unique id of its role, which IAM keeps.
        service = "iam" if request.service == "sts" else request.service
        with self._services.present():
            self._mirror.refresh(service, account, request.region)
            answer = self._services.answer(request)
            if assuming and answer.status == 200:
                assumed = self._services.backend("sts", account, partition).assumed_roles[-1]
                self.sessions.append(remember_session(request, assumed, self.credentials, datetime.now(UTC)))
        return answer

    def _record(self, request: ApiRequest, parameters: dict[str, Any], answer: Answer) -> None:
        if request.operation.startswith(_READING):
            return
        with self.world.current() as world:
            at = world.now
        call = AwsCall(
            at=at,
            service=request.service,
            operation=request.operation,
            account=request.principal.account,
            region=request.region,
            principal_arn=request.principal.arn,
            session_name=request.principal.session_name,
            source_identity=request.principal.source_identity,
            token=parameters.get("clientRequestToken"),
            parameters=parameters,
            status=answer.status,
            code=answer.code,
        )
        with self._lock:
            self.calls.append(call)


def _guessed_service(signed: SignedRequest) -> str:
    """The service that an unsigned request most likely means; it only decides how the refusal is written."""
    with contextlib.suppress(SignatureRejected):
        scope = scope_of(signed.headers.get("authorization"))
        if scope is not None:
            return scope.service
    target = signed.headers.get("x-amz-target", "")
    if target:
        return "kms" if target.startswith("Trent") else "ssm"
    return "eks" if signed.path not in ("", "/") else "sts"


def _api_request(
    signed: SignedRequest, scope: Scope, credential: Credential
) -> tuple[ApiRequest | None, protocol.Route | None]:
    """The request with its operation, which each protocol says in its own place."""
    route = None
    form: dict[str, str] = {}
    kind = PROTOCOLS[scope.service]
    if kind == "rest-json":
        try:
            route = protocol.route(signed.method, signed.path, MODELS.get(scope.service, scope.service))
        except protocol.UnknownOperation:
            return None, None
        operation = route.operation
    elif kind == "json":
        operation = signed.headers.get("x-amz-target", "").rpartition(".")[2]
    else:
        form = form_fields(signed.body or signed.query.encode())
        operation = form.get("Action", "")
    if not operation:
        return None, None
    request = ApiRequest(
        method=signed.method,
        path=signed.path,
        query=signed.query,
        headers=signed.headers,
        body=signed.body,
        service=scope.service,
        region=scope.region,
        operation=operation,
        principal=credential.principal,
        form=form,
    )
    return request, route


def _resource(request: ApiRequest, route: protocol.Route | None) -> str:
    """The ARN that a refusal names."""
    if request.service == "sts":
        return request.form.get("RoleArn", "*")
    if request.service != "eks" or route is None or not route.uri:
        return "*"
    name = route.uri.get("name", "*")
    root = f"arn:aws:eks:{request.region}:{request.principal.account}"
    for part, kind in (("nodegroupName", "nodegroup"), ("addonName", "addon")):
        if part in route.uri:
            return f"{root}:{kind}/{name}/{route.uri[part]}/*"
    return f"{root}:cluster/{name}"
