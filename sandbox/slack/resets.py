"""How a connection is cut so that the other side sees a reset and not a polite end."""

import asyncio
import socket
import struct


def reset(transport: asyncio.BaseTransport | None) -> None:
    """Close with RST: lingering for zero seconds throws away what was not sent."""
    if not isinstance(transport, asyncio.Transport):
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
