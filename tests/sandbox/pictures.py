"""The headshots that the sandbox serves, drawn so that no person's likeness is needed. It draws; it reads and writes no file."""

import io
from functools import cache

from PIL import Image, ImageDraw

_BACKGROUND = (222, 230, 236)
_SHIRT = (62, 96, 136)
_SKIN = (233, 190, 158)
_SHADE = (214, 166, 134)
_HAIR = (84, 58, 44)
_LIPS = (176, 92, 88)
_INK = (52, 40, 36)
_CANVAS = 1024
"""Drawn at this size and scaled down, so that the edges are smooth."""

LARGE = 768
"""More than the 512 that the vendor asks for (Tavus, Training from an image, 2026)."""
SMALL = 256
"""Less than it."""


@cache
def headshot(size: int, kind: str) -> bytes:
    """A friendly portrait, head and shoulders, as `JPEG` or `PNG`, `size` pixels square."""
    picture = Image.new("RGB", (_CANVAS, _CANVAS), _BACKGROUND)
    _draw(ImageDraw.Draw(picture))
    file = io.BytesIO()
    picture.resize((size, size), Image.Resampling.LANCZOS).save(file, kind)
    return file.getvalue()


def _draw(pen: ImageDraw.ImageDraw) -> None:
    pen.ellipse((284, 150, 740, 640), fill=_HAIR)
    pen.ellipse((132, 760, 892, 1360), fill=_SHIRT)
    pen.polygon([(430, 640), (594, 640), (620, 800), (512, 880), (404, 800)], fill=_SHADE)
    pen.polygon([(404, 780), (512, 880), (440, 930), (350, 800)], fill=(245, 245, 245))
    pen.polygon([(620, 780), (512, 880), (584, 930), (674, 800)], fill=(245, 245, 245))
    for x in (290, 676):
        pen.ellipse((x, 420, x + 58, 530), fill=_SHADE)
    pen.ellipse((318, 210, 706, 740), fill=_SKIN)
    pen.chord((300, 160, 724, 520), 190, 350, fill=_HAIR)
    for x in (400, 560):
        pen.ellipse((x, 438, x + 66, 482), fill=(250, 250, 250))
        pen.ellipse((x + 17, 442, x + 49, 474), fill=_INK)
        pen.ellipse((x + 34, 448, x + 42, 456), fill=(255, 255, 255))
        pen.arc((x - 10, 396, x + 76, 450), 205, 335, fill=_HAIR, width=10)
    pen.line([(512, 470), (496, 560), (526, 566)], fill=_SHADE, width=9, joint="curve")
    pen.chord((440, 580, 584, 676), 15, 165, fill=_LIPS)
    pen.chord((456, 596, 568, 652), 15, 165, fill=(252, 250, 248))
