"""Pictures of the page, small enough for a repository."""

from __future__ import annotations

from typing import Final

from PIL import Image

_COLOURS: Final = 256
#: So many are the ones that are there most: surfaces and letters keep exactly theirs.
_FREQUENT: Final = 160


def small(shot: Image.Image) -> Image.Image:
    """In 256 colours; the rest of them go where the picture would lose most, so that a small green dot stays green."""
    counted = sorted(_counted(shot).items(), key=lambda one: -one[1])
    colours = [colour for colour, _ in counted]
    palette = colours[:_FREQUENT]
    off = {colour: min(_apart(colour, one) for one in palette) for colour in colours}
    while len(palette) < min(_COLOURS, len(colours)):
        palette.append(max(counted, key=lambda one: off[one[0]] * one[1] ** 0.5)[0])
        off = {colour: min(least, _apart(colour, palette[-1])) for colour, least in off.items()}
    nearest = {colour: min(range(len(palette)), key=lambda n: _apart(colour, palette[n])) for colour in colours}
    pixels = shot.tobytes()
    drawn = Image.frombytes("P", shot.size, bytes(nearest[_at(pixels, n)] for n in range(0, len(pixels), 3)))
    drawn.putpalette([part for colour in palette for part in colour])
    return drawn


_Colour = tuple[int, int, int]


def _counted(shot: Image.Image) -> dict[_Colour, int]:
    pixels = shot.tobytes()
    counts: dict[_Colour, int] = {}
    for n in range(0, len(pixels), 3):
        colour = _at(pixels, n)
        counts[colour] = counts.get(colour, 0) + 1
    return counts


def _at(pixels: bytes, n: int) -> _Colour:
    return pixels[n], pixels[n + 1], pixels[n + 2]


def _apart(one: _Colour, other: _Colour) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))
