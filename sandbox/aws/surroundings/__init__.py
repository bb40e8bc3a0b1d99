"""Services around EKS that moto lacks or answers wrongly, answered from the world: quotas, logs, backups, stacks."""
