"""Ports for servers that have to be told theirs before they start."""

from __future__ import annotations

import os
import random
import socket


def free_port() -> int:
    """A port of loopback on which nobody listens; below those that systems give to whoever asks for any.

    So no connection that is opened meanwhile takes it before the server does.
    """
    ports = random.Random(os.getpid()).sample(range(20_000, 30_000), 100)
    for port in ports:
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise AssertionError("there is no free port")
