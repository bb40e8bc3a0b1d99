"""The models that we read are botocore's, but for what is never read."""

from __future__ import annotations

import pytest
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader

from upgrade.gateways.aws.models import ModelLoader


@pytest.mark.parametrize(
    ("service", "kind"), [("eks", "service-2"), ("eks", "paginators-1"), ("logs", "service-2"), ("ec2", "paginators-1")]
)
def test_a_model_is_botocores_own(service: str, kind: str) -> None:
    assert ModelLoader().load_service_model(service, kind) == Loader().load_service_model(service, kind)


def test_of_ec2_only_an_instance_has_fewer_members() -> None:
    ours = ModelLoader().load_service_model("ec2", "service-2")
    whole = Loader().load_service_model("ec2", "service-2")
    kept, all_of_them = ours["shapes"]["Instance"].pop("members"), whole["shapes"]["Instance"].pop("members")
    assert ours == whole
    assert kept.items() < all_of_them.items()
    assert "InstanceType" in kept
    assert "BlockDeviceMappings" not in kept


def test_a_service_that_there_is_not_is_told_as_botocore_tells_it() -> None:
    with pytest.raises(UnknownServiceError):
        ModelLoader().load_service_model("ec3", "service-2")
