"""The EKS API, answered wholly from the world."""
