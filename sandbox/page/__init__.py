"""The page: the workspace beside a live picture of the cluster, and the switches of everything that can go wrong."""
