"""What the pictures of the docs may lose."""

from __future__ import annotations

from PIL import Image

from tests.browser.pictures import small


def test_a_small_green_dot_stays_green_among_many_greys() -> None:
    shot = Image.new("RGB", (120, 100), (255, 255, 255))
    for n in range(3000):
        shot.putpixel((n % 100, n // 100), (n % 256, (n + n // 256) % 256, n % 256))
    shot.paste((74, 222, 128), (110, 50, 114, 54))
    drawn = small(shot)
    seen = drawn.convert("RGB")
    assert (drawn.mode, drawn.size) == ("P", shot.size)
    assert [seen.getpixel(at) for at in ((110, 99), (112, 52))] == [(255, 255, 255), (74, 222, 128)]
