from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.ids import Action, RunRef, ValueUnreadable, decode_request, encode_request
from handlers.views import limits
from upgrade.eks import ClusterId
from upgrade.plan import NodePolicy, PlanRequest, Scope
from upgrade.versions import KubernetesVersion

RUNS = st.from_regex(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}", fullmatch=True)
NAMES = st.from_regex(r"[0-9A-Za-z@./_:+-]{0,400}", fullmatch=True)
DIGESTS = st.just("") | st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
REFS = st.builds(RunRef, RUNS, DIGESTS, NAMES, NAMES)
REQUESTS = st.builds(
    PlanRequest,
    cluster=st.builds(
        ClusterId,
        account=st.from_regex(r"[0-9]{12}", fullmatch=True),
        region=st.sampled_from(["eu-central-1", "us-gov-west-1", "cn-north-1"]),
        name=RUNS,
    ),
    target=st.none() | st.builds(KubernetesVersion, st.just(1), st.integers(0, 99)),
    scope=st.sampled_from(Scope),
    node_policy=st.none() | st.sampled_from(NodePolicy),
)


@given(REFS)
def test_a_button_brings_back_the_run_the_digest_and_the_gate(ref: RunRef) -> None:
    assert len(ref.encode()) <= limits.BUTTON_VALUE
    assert RunRef.decode(ref.encode()) == ref


@given(REQUESTS)
def test_a_button_brings_back_the_request(request: PlanRequest) -> None:
    assert len(encode_request(request)) <= limits.BUTTON_VALUE
    assert decode_request(encode_request(request)) == request


@given(st.text(max_size=3000) | st.lists(st.text(max_size=9), min_size=4, max_size=4).map("|".join))
def test_a_forged_value_is_refused_or_harmless(value: str) -> None:
    for decode in (RunRef.decode, decode_request):
        with contextlib.suppress(ValueUnreadable):
            decode(value)


@pytest.mark.parametrize("value", ["", "run", "a|b|c|d|e", "r1|notadigest||", "r1|||<!channel>", "r1\n|||", "|" * 3])
def test_garbage_is_refused(value: str) -> None:
    with pytest.raises(ValueUnreadable):
        RunRef.decode(value)


def test_the_word_behind_the_dot_is_the_service_verb() -> None:
    assert Action.APPROVE.verb == "approve"
    assert len({action.value for action in Action}) == len(Action)
