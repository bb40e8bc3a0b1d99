"""Protobuf bodies: understood whole or refused. (That real kubectls send them is seen in test_kubectl.)"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.kube.protobuf import MEDIA_TYPE, NotUnderstood, decode_body
from tests.sandbox.kube.conftest import Api


def message(*fields: tuple[int, bytes | int]) -> bytes:
    """Fields on the wire; lengths and numbers below 128."""
    return b"".join(
        bytes([number << 3, value]) if isinstance(value, int) else bytes([number << 3 | 2, len(value)]) + value
        for number, value in fields
    )


def body(api_version: str, kind: str, raw: bytes) -> bytes:
    return b"k8s\0" + message((1, message((1, api_version.encode()), (2, kind.encode()))), (2, raw))


NAMESPACE = body("v1", "Namespace", message((1, message((1, b"canary"), (11, message((1, b"team"), (2, b"blue")))))))


def test_a_namespace_in_protobuf_is_created(api: Api) -> None:
    reply = api.call("POST", "/api/v1/namespaces", NAMESPACE, content_type=MEDIA_TYPE)

    assert reply.code == 201, reply.text
    assert reply.json["metadata"]["labels"]["team"] == "blue"


def test_numbers_lists_and_flags_are_read() -> None:
    options = message((1, 5), (3, 1), (5, b"All"), (2, message((1, b"abc"))))

    found = decode_body(body("policy/v1", "Eviction", message((1, message((1, b"web"))), (2, options))))

    assert found == {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": "web"},
        "deleteOptions": {
            "gracePeriodSeconds": 5,
            "orphanDependents": True,
            "dryRun": ["All"],
            "preconditions": {"uid": "abc"},
        },
    }


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"k8s\0",
        body("v1", "Pod", b""),
        body("v1", "Namespace", message((9, b"x"))),
        body("v1", "Namespace", message((1, 3))),
        body("v1", "Namespace", b"\x0a\x7f"),
        body("v1", "Namespace", message((1, message((1, b"\xff"))))),
    ],
)
def test_what_is_not_understood_is_refused_not_dropped(api: Api, data: bytes) -> None:
    with pytest.raises(NotUnderstood):
        decode_body(data)

    reply = api.call("POST", "/api/v1/namespaces", data or b"x", content_type=MEDIA_TYPE)
    assert (reply.code, reply.json["reason"]) == (415, "UnsupportedMediaType")


@given(st.binary(max_size=60))
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    for attempt in (data, b"k8s\0" + data, body("v1", "Namespace", data[:50])):
        try:
            assert isinstance(decode_body(attempt), dict)
        except NotUnderstood:
            continue
