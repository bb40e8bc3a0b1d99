"""The public parameters of Systems Manager that name EKS optimized AMIs (A-55)."""

from __future__ import annotations

from sandbox.world.catalogue import Catalogue, minor

LAST_AL2_MINOR = 32
FIRST_AL2023_MINOR = 25


def ami_parameters(catalogue: Catalogue) -> dict[str, str]:
    """The public SSM parameters of EKS optimized AMIs: name → value (A-55)."""
    found: dict[str, str] = {}
    for offered in (*catalogue.cluster_versions, *catalogue.unsupported_versions):
        version = offered.version
        flavours = []
        if minor(version) >= FIRST_AL2023_MINOR:
            flavours.append(("AL2023_x86_64_STANDARD", "amazon-linux-2023/x86_64/standard"))
        if minor(version) <= LAST_AL2_MINOR:
            flavours.append(("AL2_x86_64", "amazon-linux-2"))
        for ami_type, path in flavours:
            root = f"/aws/service/eks/optimized-ami/{version}/{path}"
            releases = catalogue.ami_releases(version, ami_type)
            named = [(f"v{release.released_at:%Y%m%d}", release) for release in releases]
            for leaf, release in [*named, *(("recommended", release) for release in releases[:1])]:
                found[f"{root}/{leaf}/image_id"] = release.image_id
                found[f"{root}/{leaf}/release_version"] = release.release_version
        for release in catalogue.ami_releases(version, "BOTTLEROCKET_x86_64")[:1]:
            root = f"/aws/service/bottlerocket/aws-k8s-{version}/x86_64/latest"
            found[f"{root}/image_id"] = release.image_id
            found[f"{root}/image_version"] = release.release_version
    return found
