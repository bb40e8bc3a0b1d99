"""Chance that does not depend on when or how often it is asked: a draw is a hash of the seed and its purpose."""

from __future__ import annotations

import hashlib
from datetime import timedelta


class Draws:
    """Keyed draws. The same seed and the same words give the same value, whatever was drawn before."""

    def __init__(self, seed: int) -> None:
        self._seed = str(seed)

    def digest(self, *words: object) -> bytes:
        """32 bytes for these words."""
        return hashlib.sha256("\x1f".join([self._seed, *map(str, words)]).encode()).digest()

    def fraction(self, *words: object) -> float:
        """A number in [0, 1)."""
        return int.from_bytes(self.digest(*words)[:7], "big") / 2**56

    def between(self, low: float, high: float, *words: object) -> float:
        """A number in [low, high)."""
        return low + (high - low) * self.fraction(*words)

    def seconds(self, low: float, high: float, *words: object) -> timedelta:
        """A duration between low and high seconds, in whole milliseconds."""
        return timedelta(milliseconds=round(1000 * self.between(low, high, *words)))

    def hex(self, length: int, *words: object) -> str:
        """Hexadecimal digits, at most 64."""
        return self.digest(*words).hex()[:length]

    def letters(self, length: int, *words: object) -> str:
        """Characters as in generated Kubernetes names (no vowels, so no words)."""
        alphabet = "bcdfghjklmnpqrstvwxz2456789"
        return "".join(alphabet[byte % len(alphabet)] for byte in self.digest(*words)[:length])

    def uuid(self, *words: object) -> str:
        """A UUID in form (version 4 bits set)."""
        text = self.hex(32, *words)
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"
