"""What would happen to each pod if the nodes were drained in the planned order. Pure."""

from upgrade.drain.simulation import Cause, Stuck, simulate_drains

__all__ = ["Cause", "Stuck", "simulate_drains"]
