"""Bytes of the Kubernetes API as our types."""

from __future__ import annotations

import threading
from typing import Any, Final, TypeVar

from msgspec.json import Decoder

T = TypeVar("T")

_decoders: Final[dict[Any, Decoder[Any]]] = {}
_learning: Final = threading.Lock()


def decode(body: bytes, kind: type[T]) -> T:
    """``body`` as ``kind``. Raises msgspec.DecodeError.

    msgspec learns a type, and those in it, when it is first used; two threads that do so at once crash the process
    (0.22.0: the second takes what the first has only begun). So each type is learned under one lock, then kept.
    """
    with _learning:
        if kind not in _decoders:
            _decoders[kind] = Decoder(kind)
        decoder: Decoder[T] = _decoders[kind]
    return decoder.decode(body)
