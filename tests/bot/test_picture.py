"""The picture as whoever opens it finds it."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO

import pytest
from PIL import Image

from bot.picture import LINE, WIDTH, draw, scale
from tests.handlers import samples
from upgrade.events import EventKind, UpgradeEvent
from upgrade.run import RunStatus
from upgrade.timeline import Bar, BarState, Span, Timeline, alt_text, folds, timeline

HOUR = timedelta(hours=1)
HOSTILE = ("$\\frac{1}{0}$", "$x^2$ \\unknown{", "<b>&amp;", "\u202eabc\x1b[0m", "群組 🚀", "a" * 4000, "", "\n\n")


def size_of(content: bytes) -> tuple[int, int]:
    """Width and height, once every chunk of the PNG has been found whole."""
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    at, size, names = 8, (0, 0), []
    while at < len(content):
        length, name = struct.unpack(">I4s", content[at : at + 8])
        body = content[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack(">I", content[at + 8 + length : at + 12 + length])
        assert checksum == zlib.crc32(name + body)
        names.append(name)
        if name == b"IHDR":
            size = struct.unpack(">II", body[:8])
        at += 12 + length
    assert names[-1] == b"IEND"
    return size


def of_a_run() -> Timeline:
    found = timeline(
        samples.run(), (event(EventKind.RUN_PAUSED, 5), event(EventKind.RUN_RESUMED, 9)), samples.NOW + HOUR
    )
    assert found is not None
    return found


def event(kind: EventKind, minutes: int) -> UpgradeEvent:
    return samples.event(kind).model_copy(update={"at": samples.NOW + timedelta(minutes=minutes)})


def with_titles(told: Timeline, text: str) -> Timeline:
    bars = tuple(one.model_copy(update={"title": text}) for one in told.bars)
    return told.model_copy(update={"cluster": text, "outcome": text, "bars": bars})


def test_it_is_a_png_as_wide_as_it_says_and_as_high_as_it_has_lines() -> None:
    told = of_a_run()
    wide, high = size_of(draw(told))
    fewer = told.model_copy(update={"bars": told.bars[:-2]})
    assert wide == WIDTH == 1000
    assert size_of(draw(fewer)) == (wide, high - 2 * LINE)


def test_the_same_run_gives_the_same_picture_and_what_took_place_shows() -> None:
    told = of_a_run()
    late = told.bars[0].model_copy(update={"state": BarState.STOPPED})
    assert draw(told) == draw(told)
    assert draw(told) != draw(told.model_copy(update={"halts": ()}))
    assert draw(told) != draw(told.model_copy(update={"bars": (late, *told.bars[1:])}))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_stay_words(text: str) -> None:
    assert size_of(draw(with_titles(of_a_run(), text)))[0] == WIDTH


@pytest.mark.parametrize(
    ("text", "shown"), [("群組", "??"), ("a\nb", "a b"), ("\u202eabc", "?abc"), ("a" * 4000, "a" * 35 + "…")]
)
def test_what_the_font_has_not_is_a_question_mark_and_a_title_is_one_short_line(text: str, shown: str) -> None:
    assert pixels(text) == pixels(shown)


def test_a_formula_is_what_was_typed() -> None:
    assert len({pixels("$x^2$"), pixels("x^2"), pixels("x2")}) == 3


def pixels(title: str) -> bytes:
    told = of_a_run()
    bars = tuple(one.model_copy(update={"title": title}) for one in told.bars)
    with Image.open(BytesIO(draw(told.model_copy(update={"bars": bars})))) as image:
        return image.tobytes()


def test_a_run_without_anything_to_show_is_drawn_all_the_same() -> None:
    told = of_a_run()
    nothing = told.model_copy(
        update={"bars": (), "halts": (), "span": Span(begins_at=samples.NOW, ends_at=samples.NOW)}
    )
    assert size_of(draw(nothing))[0] == WIDTH


def test_threads_draw_the_same() -> None:
    told = of_a_run()
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(draw, [told] * 8))) == 1


def test_a_folded_night_is_drawn_shorter_and_no_instant_goes_back() -> None:
    start = samples.NOW
    bars = tuple(
        Bar(id=str(n), title="work", kind="nodes", state=BarState.DONE, actual=Span(begins_at=b, ends_at=b + HOUR))
        for n, b in enumerate((start, start + 24 * HOUR))
    )
    told = of_a_run().model_copy(
        update={"bars": bars, "halts": (), "span": Span(begins_at=start, ends_at=start + 25 * HOUR)}
    )
    x = scale(told, folds(told))
    places = [x(start + number * HOUR) for number in range(26)]
    assert places == sorted(places)
    night, work = places[24] - places[1], places[1] - places[0]
    assert night == pytest.approx(work / 2)  # a quarter of two hours of work


def test_whoever_draws_nothing_does_not_load_what_draws() -> None:
    """In a process of its own: what is loaded is that of the whole process."""
    code = "import sys, bot.cli, bot.export, bot.serving; assert 'PIL' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_finished_run_with_rests_fits_on_a_phone() -> None:
    run = samples.run(RunStatus.SUCCEEDED, plan=samples.with_rests(samples.two_hops()))
    found = timeline(run, (), samples.NOW + HOUR)
    assert found is not None
    assert size_of(draw(found))[1] < 2 * WIDTH


def test_every_state_of_a_run_can_be_drawn_and_told() -> None:
    for status in RunStatus:
        told = timeline(samples.run(status), (), samples.NOW + HOUR)
        assert (told is None) == (status in (RunStatus.CHECKING, RunStatus.BLOCKED))
        if told is not None:
            assert size_of(draw(told))[0] == WIDTH
            assert alt_text(told)
