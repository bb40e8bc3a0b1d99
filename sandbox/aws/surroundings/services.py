"""Service Quotas, AWS Backup, Resilience Hub and CloudFormation, as far as somebody reads them."""

from __future__ import annotations

from datetime import UTC

from sandbox.aws.surroundings.operations import Json, Refused, SurroundingCall, operation
from sandbox.world.surroundings import DEFAULT_QUOTAS, Stack

# --- Service Quotas ---


@operation("servicequotas", "GetServiceQuota")
def get_service_quota(call: SurroundingCall) -> Json:
    key = (call.get("ServiceCode"), call.get("QuotaCode"))
    value = call.place.quotas.get(key)
    if value is None:
        raise Refused("NoSuchResourceException", "The specified resource does not exist.")
    return {"Quota": _quota(key, value)}


@operation("servicequotas", "GetAWSDefaultServiceQuota")
def get_aws_default_service_quota(call: SurroundingCall) -> Json:
    key = (call.get("ServiceCode"), call.get("QuotaCode"))
    if key not in DEFAULT_QUOTAS:
        raise Refused("NoSuchResourceException", "The specified resource does not exist.")
    return {"Quota": _quota(key, DEFAULT_QUOTAS[key][1])}


def _quota(key: tuple[str, str], value: float) -> Json:
    service, code = key
    name = DEFAULT_QUOTAS[key][0] if key in DEFAULT_QUOTAS else code
    return {"ServiceCode": service, "QuotaCode": code, "QuotaName": name, "Value": value, "Adjustable": True}


# --- AWS Backup ---


@operation("backup", "ListRecoveryPointsByResource")
def list_recovery_points(call: SurroundingCall) -> Json:
    cluster = next((found for found in call.clusters() if found.arn == call.get("ResourceArn")), None)
    if cluster is None:
        return {"RecoveryPoints": []}
    prefix = f"arn:aws:backup:{call.region}:{call.account}:recovery-point:composite:eks/{cluster.name}"
    return {
        "RecoveryPoints": [
            {
                "RecoveryPointArn": f"{prefix}-{at.astimezone(UTC):%Y%m%d%H%M}",
                "BackupVaultName": "Default",
                "CreationDate": at,
                "Status": "COMPLETED",
            }
            for at in sorted(cluster.surroundings.recovery_points, reverse=True)
        ]
    }


# --- Resilience Hub ---


@operation("resiliencehub", "ListApps")
def list_apps(call: SurroundingCall) -> Json:
    names = sorted({name for cluster in call.clusters() for name in cluster.surroundings.resilience_apps})
    return {
        "appSummaries": [
            {"appArn": _app_arn(call, name), "name": name, "creationTime": call.world.scenario.date, "status": "Active"}
            for name in names
        ]
    }


@operation("resiliencehub", "ListAppInputSources")
def list_app_input_sources(call: SurroundingCall) -> Json:
    asked = call.get("appArn")
    sources = [
        {
            "importType": "EKS",
            "sourceArn": cluster.arn,
            "eksSourceClusterNamespace": {"eksClusterArn": cluster.arn, "namespace": "default"},
            "resourceCount": 1,
        }
        for cluster in call.clusters()
        for name in cluster.surroundings.resilience_apps
        if _app_arn(call, name) == asked
    ]
    if not sources:
        raise Refused("ResourceNotFoundException", f"The app {asked} does not exist.")
    return {"appInputSources": sources}


def _app_arn(call: SurroundingCall, name: str) -> str:
    uuid = call.world.draws.uuid("resilience-app", call.account, call.region, name)
    return f"arn:aws:resiliencehub:{call.region}:{call.account}:app/{uuid}"


# --- CloudFormation ---


@operation("cloudformation", "GetTemplate")
def get_template(call: SurroundingCall) -> Json:
    return {"TemplateBody": _stack(call).template, "StagesAvailable": ["Original", "Processed"]}


@operation("cloudformation", "DescribeStacks")
def describe_stacks(call: SurroundingCall) -> Json:
    stack = _stack(call)
    return {
        "Stacks": [
            {
                "StackId": stack.arn(call.account, call.region),
                "StackName": stack.name,
                "CreationTime": call.world.scenario.date,
                "StackStatus": "UPDATE_COMPLETE",
                "Parameters": [
                    {"ParameterKey": key, "ParameterValue": value} for key, value in stack.parameters.items()
                ],
            }
        ]
    }


def _stack(call: SurroundingCall) -> Stack:
    asked = call.get("StackName")
    for stack in call.place.stacks.values():
        if asked in (stack.name, stack.arn(call.account, call.region)):
            return stack
    raise Refused("ValidationError", f"Stack with id {asked} does not exist")
