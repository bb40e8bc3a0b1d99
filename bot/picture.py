"""A timeline as a PNG that can be read on a phone: what was planned, what took place, where it stood still.

Imported where a picture is drawn, so that nobody else loads what draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from io import BytesIO
from typing import Final

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from upgrade.reports.words import clean, utc
from upgrade.timeline import Bar, BarState, Fold, HaltKind, Span, Timeline, folds, said_of, title_of

#: Pixels. A phone shows it at about a third of its size.
WIDTH: Final = 1000
LINE: Final = 84
_HEAD, _FOOT, _MARGIN = 150, 190, 36
#: No bar is narrower, so that what took seconds among days can be seen.
_NARROWEST: Final = 6.0
#: Letters of a line's title; and pixels between ticks, nearer to each other than which their words would run together.
_LONGEST: Final = 36
_TICKS_APART: Final = 175

# Okabe and Ito's colours, which people with any kind of colour blindness tell apart; words say the same.
_COLOURS: Final = {
    "control-plane": "#0072B2",
    "add-ons": "#E69F00",
    "nodes": "#009E73",
    "verify": "#56B4E9",
    "bake": "#CC79A7",
}
_STOPPED: Final = "#D55E00"
_WHITE, _INK, _QUIET, _PLANNED, _HALTED, _HATCH = "#ffffff", "#1a1a1a", "#595959", "#b3b3b3", "#e6e6e6", "#bdbdbd"


def draw(told: Timeline) -> bytes:
    """A PNG, ``WIDTH`` pixels wide and as high as it has lines. From any thread."""
    return _Drawing(told).png()


class _Drawing:
    """One picture: pixels from the top left."""

    def __init__(self, told: Timeline) -> None:
        self._told = told
        self._folds = folds(told)
        self._image = Image.new("RGB", (WIDTH, _HEAD + LINE * len(told.bars) + _FOOT), _WHITE)
        self._pen = ImageDraw.Draw(self._image)
        self._x = scale(told, self._folds)

    def png(self) -> bytes:
        self._head()
        self._ground()
        for number, bar in enumerate(self._told.bars):
            self._line(bar, _HEAD + number * LINE)
        self._foot(_HEAD + LINE * len(self._told.bars))
        found, info = BytesIO(), PngInfo()
        info.add_itxt("Title", clean(title_of(self._told)))
        self._image.save(found, "PNG", optimize=True, pnginfo=info)
        return found.getvalue()

    def _head(self) -> None:
        told = self._told
        self._words(_MARGIN, 48, title_of(told), size=38, bold=True)
        when = "times in UTC" if told.now is None else f"as of {utc(told.now)}"
        self._words(_MARGIN, 98, f"{told.outcome}, {when}", size=28, colour=_QUIET)

    def _ground(self) -> None:
        """What stood still behind the bars, what is folded, and now."""
        top, bottom = _HEAD - 12, _HEAD + LINE * len(self._told.bars)
        for halt in self._told.halts:
            left, right = self._x(halt.span.begins_at), self._x(halt.span.ends_at)
            self._band(left, top, max(right - left, 3), bottom - top, halt.kind)
        for fold in self._folds:
            self._dots((self._x(fold.span.begins_at) + self._x(fold.span.ends_at)) / 2, top, bottom)
        if self._told.now is not None:
            now = self._x(self._told.now)
            self._pen.line((now, top, now, bottom), fill=_INK, width=2)

    def _line(self, bar: Bar, top: float) -> None:
        stopped = bar.state is BarState.STOPPED
        indent, size = (28, 25) if bar.group else (0, 28)
        self._words(_MARGIN + indent, top + 16, bar.title, size=size, most=_LONGEST)
        self._words(WIDTH - _MARGIN, top + 16, said_of(bar), size=25, colour=_STOPPED if stopped else _INK, right=True)
        paint = _STOPPED if stopped else _COLOURS.get(bar.kind, _INK)
        if bar.planned is not None:
            self._span(bar.planned, top + 58, 8, _PLANNED)
        if bar.ahead is not None:
            self._span(bar.ahead, top + 36, 20, _WHITE, edge=paint)
        if bar.actual is not None:
            self._span(bar.actual, top + 36, 20, paint)

    def _foot(self, top: float) -> None:
        self._pen.line((_MARGIN, top, WIDTH - _MARGIN, top), fill=_QUIET, width=1)
        last = -float(_TICKS_APART)
        for at in self._ticks():
            x = min(self._x(at), WIDTH - _MARGIN - _TICKS_APART + 20)
            if x - last >= _TICKS_APART:
                self._pen.line((self._x(at), top, self._x(at), top + 10), fill=_QUIET, width=2)
                self._words(x, top + 30, f"{at:%m-%d %H:%M}", size=22, colour=_QUIET)
                last = x
        self._legend(top + 78)

    def _ticks(self) -> Sequence[datetime]:
        """Beginnings: of the whole, behind each fold, of each phase."""
        phases = [bar.spans[0].begins_at for bar in self._told.bars if bar.spans and not bar.group]
        return sorted({self._told.span.begins_at, *(one.span.ends_at for one in self._folds), *phases})

    def _legend(self, top: float) -> None:
        """Two columns: what every picture has, then what this one has besides."""
        paint, places = _COLOURS["control-plane"], iter(_places(top))
        x, y = next(places)
        self._box(x, y - 10, 44, 20, paint)
        self._words(x + 58, y, "took place", size=22, colour=_QUIET)
        x, y = next(places)
        self._box(x, y - 4, 44, 8, _PLANNED)
        self._words(x + 58, y, "planned, at most", size=22, colour=_QUIET)
        if any(bar.ahead for bar in self._told.bars):
            x, y = next(places)
            self._box(x, y - 10, 44, 20, _WHITE, edge=paint)
            self._words(x + 58, y, "ahead, at most", size=22, colour=_QUIET)
        if self._folds:
            x, y = next(places)
            self._dots(x + 22, y - 14, y + 14)
            self._words(x + 58, y, "rest, drawn shorter", size=22, colour=_QUIET)
        for kind in list(dict.fromkeys(halt.kind for halt in self._told.halts))[:2]:
            x, y = next(places)
            self._band(x, y - 10, 44, 20, kind)
            self._words(x + 58, y, kind.value, size=22, colour=_QUIET)

    def _span(self, span: Span, top: float, high: float, colour: str, edge: str = "") -> None:
        left, right = self._x(span.begins_at), self._x(span.ends_at)
        self._box(left, top, max(right - left, _NARROWEST), high, colour, edge=edge)

    def _box(self, x: float, y: float, wide: float, high: float, colour: str, *, edge: str = "") -> None:
        self._pen.rectangle((x, y, x + wide, y + high), fill=colour, outline=edge or None, width=3 if edge else 0)

    def _band(self, x: float, y: float, wide: float, high: float, kind: HaltKind) -> None:
        """Hatched: a pause falls to the left, all else lies level."""
        size = (max(1, round(wide)), max(1, round(high)))
        band = Image.new("RGB", size, _HALTED)
        pen = ImageDraw.Draw(band)
        for at in range(0, size[0] + size[1], 12):
            end = (at - size[1], size[1]) if kind is HaltKind.PAUSED else (size[0], at)
            pen.line((at if kind is HaltKind.PAUSED else 0, 0 if kind is HaltKind.PAUSED else at, *end), fill=_HATCH)
        self._image.paste(band, (round(x), round(y)))

    def _dots(self, x: float, top: float, bottom: float) -> None:
        for y in range(round(top), round(bottom), 8):
            self._pen.line((x, y, x, y + 3), fill=_QUIET, width=2)

    def _words(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: int,
        colour: str = _INK,
        right: bool = False,
        bold: bool = False,
        most: int = 46,
    ) -> None:
        """One line, from ``x`` on or up to it, with a white edge that keeps it apart from what it crosses."""
        at, anchor, line = (x, y), "rm" if right else "lm", _shown(text, most)
        self._pen.text(at, line, _WHITE, _font(size), anchor, stroke_width=4, stroke_fill=_WHITE)
        self._pen.text(at, line, colour, _font(size), anchor, stroke_width=1 if bold else 0, stroke_fill=colour)


def scale(told: Timeline, folded: Sequence[Fold]) -> Callable[[datetime], float]:
    """Where an instant stands, in pixels from the left: even, but for what is folded."""

    def shown(at: datetime) -> timedelta:
        gone = timedelta(0)
        for fold in folded:
            inside = min(max(at, fold.span.begins_at), fold.span.ends_at) - fold.span.begins_at
            gone += inside * (1 - fold.shown / fold.span.length)
        return at - told.span.begins_at - gone

    whole = shown(told.span.ends_at) or timedelta(seconds=1)
    wide = WIDTH - 2 * _MARGIN - _NARROWEST
    return lambda at: float(_MARGIN + wide * (min(max(shown(at), timedelta(0)), whole) / whole))


def _places(top: float) -> list[tuple[float, float]]:
    return [(_MARGIN + column * 470, top + row * 36) for row in range(3) for column in range(2)]


def _shown(text: str, most: int) -> str:
    """What the font has, in one line; a question mark stands for anything else."""
    return "".join(letter if _has(letter) else "?" for letter in clean(text, most).replace("…", "..."))


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    """The font that comes with Pillow: no picture depends on what a machine has.

    Raises OSError where Pillow was built without FreeType.
    """
    found = ImageFont.load_default(size)
    if not isinstance(found, ImageFont.FreeTypeFont):
        raise OSError("Pillow was built without FreeType, so nothing can be written")
    return found


@lru_cache(maxsize=4096)
def _has(letter: str) -> bool:
    """Whether the font shows more of it than the box for what it has not."""
    return letter == " " or _glyph(letter) != _glyph("\uffff")


def _glyph(letter: str) -> tuple[tuple[int, int], bytes]:
    mask = _font(20).getmask(letter)
    return mask.size, bytes(mask)
