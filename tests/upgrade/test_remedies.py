from __future__ import annotations

import pytest
from botocore.session import Session

from upgrade.remedies import SubjectKind, explain_update_error, is_explained

KINDS: dict[str, tuple[SubjectKind, ...]] = {
    "ErrorCode": ("cluster", "nodegroup", "addon"),
    "NodegroupIssueCode": ("nodegroup",),
    "AddonIssueCode": ("addon",),
    "ClusterIssueCode": ("cluster",),
}


@pytest.mark.parametrize("shape", KINDS)
def test_every_code_that_eks_can_report_is_explained(shape: str) -> None:
    codes = Session().get_service_model("eks").shape_for(shape).enum
    assert codes
    missing = [(code, kind) for code in codes for kind in KINDS[shape] if not is_explained(code, kind)]
    assert missing == []


def test_a_code_means_what_it_means_for_its_subject() -> None:
    group = explain_update_error("Ec2SecurityGroupNotFound", "nodegroup")
    cluster = explain_update_error("Ec2SecurityGroupNotFound", "cluster")
    assert "new cluster" in group.action
    assert "UpdateClusterConfig" in cluster.action


def test_a_code_that_eks_added_since_is_told_as_unknown() -> None:
    assert "BrandNewCode" in explain_update_error("BrandNewCode", "addon").meaning
