"""Answers an EKS request that is signed and allowed."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

# Importing these fills the table of operations.
from sandbox.aws.eks import access, addons, clusters, insights, nodegroups, protocol, updates  # noqa: F401
from sandbox.aws.eks.operations import OPERATIONS, EksCall
from sandbox.aws.requests import Answer, ApiRequest, error_answer
from sandbox.world.errors import AwsError, InvalidRequest
from sandbox.world.world import World


def answer_eks(world: World, request: ApiRequest, route: protocol.Route) -> tuple[Answer, dict[str, Any]]:
    """The answer, and the parameters as EKS read them."""
    parameters: dict[str, Any] = {}
    try:
        parameters = protocol.parse(route, request.query, request.body)
        answer = OPERATIONS.get(route.operation)
        if answer is None:
            raise InvalidRequest(f"The sandbox does not simulate {route.operation}.")
        call = EksCall(world, route.operation, parameters, request.principal.account, request.region, request.principal)
        with world.current():
            body = protocol.render(route.operation, answer(call))
    except AwsError as error:
        return eks_error(error), parameters
    return Answer(200, "application/json", body, headers=(("x-amzn-RequestId", str(uuid4())),)), parameters


def eks_error(error: AwsError) -> Answer:
    """An error of the world on the wire, with the members that this exception has."""
    body = protocol.render_error(error.code, error.message, error.fields)
    return error_answer("rest-json", error.code, error.http_status, error.message, body)
