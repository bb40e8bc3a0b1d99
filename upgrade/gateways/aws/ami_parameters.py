"""Where AWS publishes the recommended AMI release of an AMI type (A-55).

Public parameters of Systems Manager, as of 2026-11:
https://docs.aws.amazon.com/eks/latest/userguide/retrieve-ami-id.html
https://docs.aws.amazon.com/eks/latest/userguide/retrieve-ami-id-bottlerocket.html
An AMI type that is not here (CUSTOM, Windows) publishes no release version: such a group's release is not pinned.
"""

from __future__ import annotations

from upgrade.versions import KubernetesVersion

_AMAZON_LINUX = {
    "AL2_x86_64": "amazon-linux-2",
    "AL2_x86_64_GPU": "amazon-linux-2-gpu",
    "AL2_ARM_64": "amazon-linux-2-arm64",
    "AL2023_x86_64_STANDARD": "amazon-linux-2023/x86_64/standard",
    "AL2023_ARM_64_STANDARD": "amazon-linux-2023/arm64/standard",
    "AL2023_x86_64_NVIDIA": "amazon-linux-2023/x86_64/nvidia",
    "AL2023_ARM_64_NVIDIA": "amazon-linux-2023/arm64/nvidia",
    "AL2023_x86_64_NEURON": "amazon-linux-2023/x86_64/neuron",
}

# AMI type: (suffix of the variant, architecture)
_BOTTLEROCKET = {
    "BOTTLEROCKET_x86_64": ("", "x86_64"),
    "BOTTLEROCKET_ARM_64": ("", "arm64"),
    "BOTTLEROCKET_x86_64_FIPS": ("-fips", "x86_64"),
    "BOTTLEROCKET_ARM_64_FIPS": ("-fips", "arm64"),
    "BOTTLEROCKET_x86_64_NVIDIA": ("-nvidia", "x86_64"),
    "BOTTLEROCKET_ARM_64_NVIDIA": ("-nvidia", "arm64"),
    "BOTTLEROCKET_x86_64_NVIDIA_FIPS": ("-nvidia-fips", "x86_64"),
    "BOTTLEROCKET_ARM_64_NVIDIA_FIPS": ("-nvidia-fips", "arm64"),
}


def release_parameter(version: KubernetesVersion, ami_type: str) -> str | None:
    """The parameter that holds the release version, or None when AWS publishes none for that AMI type."""
    if flavour := _AMAZON_LINUX.get(ami_type):
        return f"/aws/service/eks/optimized-ami/{version}/{flavour}/recommended/release_version"
    if variant := _BOTTLEROCKET.get(ami_type):
        suffix, architecture = variant
        return f"/aws/service/bottlerocket/aws-k8s-{version}{suffix}/{architecture}/latest/image_version"
    return None
