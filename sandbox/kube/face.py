"""The Kubernetes face: a TLS port a cluster, all served by one event loop in one thread.

The work itself is done in a small pool, so that the loop never waits for the world's lock.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import secrets
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml
from aiohttp import web

from sandbox.kube.answers import Answer
from sandbox.kube.apiserver import ApiServer
from sandbox.kube.certificates import ClusterCertificates, issue_certificates
from sandbox.kube.requests import HttpAsk
from sandbox.kube.watching import BOOKMARK_EVERY, Watch
from sandbox.world.model import Cluster
from sandbox.world.world import World

VerifyToken = Callable[[str, str], str]
LARGEST_BODY = 3 * 1024 * 1024
WORKERS = 4
_T = TypeVar("_T")


@dataclass(slots=True)
class _Listening:
    """One cluster's port."""

    api: ApiServer
    certificates: ClusterCertificates
    runner: web.ServerRunner | None = None
    endpoint: str = ""


class KubeFace:
    """The API servers of all clusters of a world, on ephemeral loopback ports.

    `verify_token(token, cluster_name)` gives the ARN of the IAM principal that made an EKS token (`k8s-aws-v1.…`) or
    raises any exception, which is answered with 401. `latency` is how many real seconds each answer is held back; it
    may be changed at any time.
    """

    def __init__(self, world: World, verify_token: VerifyToken) -> None:
        self.latency = 0.0
        self._world = world
        self._verify_token = verify_token
        self._clusters: dict[str, _Listening] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run_loop, name="kube-face", daemon=True)
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="kube-face")
        self._wakes: set[asyncio.Event] = set()
        self._stopping = False
        self._unsubscribe: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Listens, and puts `endpoint`, `certificate_authority` and `oidc_issuer` of each cluster into the world."""
        for cluster in self._world.clusters():
            api = ApiServer(self._world, cluster, self._verify_token, secrets.token_urlsafe(24))
            self._clusters[cluster.key] = _Listening(api, issue_certificates(cluster.name))
        self._thread.start()
        self._call(self._listen())
        with self._world.current():
            for listening in self._clusters.values():
                cluster = listening.api.cluster
                cluster.endpoint = listening.endpoint
                cluster.certificate_authority = base64.b64encode(listening.certificates.authority).decode()
                issuer = self._world.draws.hex(32, cluster.key, "oidc-issuer").upper()
                cluster.oidc_issuer = f"https://oidc.eks.{cluster.region}.amazonaws.com/id/{issuer}"
        self._unsubscribe = self._world.subscribe(self._signal)

    def stop(self) -> None:
        """Ends all watches and connections and the thread. A face that was stopped does not start again."""
        self._unsubscribe()
        if self._thread.is_alive():
            self._call(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._pool.shutdown(wait=True)
        self._loop.close()

    def kubeconfig(self, cluster: Cluster) -> str:
        """A kubeconfig with an administrator's token that only this face knows, for people and tests."""
        listening = self._clusters[cluster.key]
        name = cluster.name
        authority = base64.b64encode(listening.certificates.authority).decode()
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": name, "cluster": {"server": listening.endpoint, "certificate-authority-data": authority}}
            ],
            "users": [{"name": name, "user": {"token": listening.api.admin_token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
        return yaml.safe_dump(document, sort_keys=False)

    def compact(self, cluster: Cluster) -> None:
        """Forgets the past as etcd's compaction does: older watches and continue tokens are answered with 410."""
        self._clusters[cluster.key].api.compact()

    # --- the loop -----------------------------------------------------------------------------------------------------

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _call(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _signal(self) -> None:
        """The world has changed; called under its lock."""
        with contextlib.suppress(RuntimeError):  # the loop may be closing at this very moment
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for event in self._wakes:
            event.set()

    async def _listen(self) -> None:
        for listening in self._clusters.values():
            server = web.Server(
                self._handler(listening.api),
                request_factory=self._request,
                handler_cancellation=True,
                access_log=None,
            )
            listening.runner = web.ServerRunner(server, shutdown_timeout=0.2)
            await listening.runner.setup()
            context = listening.certificates.server_context()
            await web.TCPSite(listening.runner, "127.0.0.1", 0, ssl_context=context).start()
            _, port, *_ = listening.runner.addresses[0]
            listening.endpoint = f"https://127.0.0.1:{port}"

    async def _close(self) -> None:
        self._stopping = True
        self._wake()
        for listening in self._clusters.values():
            if listening.runner is not None:
                for connection in listening.runner.server.connections if listening.runner.server else ():
                    if connection.transport is not None:
                        connection.transport.abort()
                await listening.runner.cleanup()
        await asyncio.sleep(0)  # lets the transports see that they were cut

    def _request(
        self, message: Any, payload: Any, protocol: Any, writer: Any, task: asyncio.Task[None]
    ) -> web.BaseRequest:
        """A request whose body may be as large as an API server takes."""
        return web.BaseRequest(message, payload, protocol, writer, task, self._loop, client_max_size=LARGEST_BODY)

    def _off_loop(self, work: Callable[[], _T]) -> asyncio.Future[_T]:
        return self._loop.run_in_executor(self._pool, work)

    # --- requests -----------------------------------------------------------------------------------------------------

    def _handler(self, api: ApiServer) -> Callable[[web.BaseRequest], Coroutine[Any, Any, web.StreamResponse]]:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            if self.latency:
                await asyncio.sleep(self.latency)
            ask = HttpAsk(
                request.method, request.path, dict(request.query), dict(request.headers), await request.read()
            )
            answer = await self._off_loop(lambda: api.answer(ask))
            if answer is None:
                return _cut(request)
            if isinstance(answer, Watch):
                return await self._stream(request, api, answer)
            return _respond(answer)

        return handle

    async def _stream(self, request: web.BaseRequest, api: ApiServer, watch: Watch) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        wake = asyncio.Event()
        self._wakes.add(wake)
        try:
            await self._follow(response, api, watch, wake)
            await response.write_eof()
        except ConnectionError:  # the watcher went away
            pass
        finally:
            self._wakes.discard(wake)
        return response

    async def _follow(self, response: web.StreamResponse, api: ApiServer, watch: Watch, wake: asyncio.Event) -> None:
        ends = self._loop.time() + watch.timeout
        told = await self._off_loop(lambda: api.begin_watch(watch))
        await response.write(told.events)
        marked = self._loop.time()
        while not told.over and not self._stopping:
            now = self._loop.time()
            if now >= ends:
                break
            if watch.bookmarks and now - marked >= BOOKMARK_EVERY:
                marked = now
                await response.write(await self._off_loop(lambda: api.bookmark(watch)))
            if api.resource_version > watch.seen:
                told = await self._off_loop(lambda: api.continue_watch(watch))
                if told.events:
                    await response.write(told.events)
                continue
            next_mark = marked + BOOKMARK_EVERY if watch.bookmarks else ends
            try:
                await asyncio.wait_for(wake.wait(), max(0.0, min(ends, next_mark) - now))
            except TimeoutError:
                continue
            wake.clear()


def _respond(answer: Answer) -> web.Response:
    headers = {"Content-Type": answer.content_type, "Cache-Control": "no-cache, private", **answer.headers}
    return web.Response(status=answer.code, body=answer.body, headers=headers)


def _cut(request: web.BaseRequest) -> web.Response:
    """Resets the connection as an API server that is being replaced does; what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
