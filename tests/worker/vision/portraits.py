"""A good headshot, and what becomes of it when somebody spoils it: each with what Tavus would call it. Nothing is asserted here."""

from functools import cache
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from worker.core.failures import Failure

PORTRAIT = Path(__file__).with_name("astronaut.jpg")


@cache
def good() -> Image.Image:
    return Image.open(PORTRAIT).convert("RGB")


def beside_each_other() -> Image.Image:
    two = Image.new("RGB", (1280, 640))
    two.paste(good(), (0, 0))
    two.paste(good(), (640, 0))
    return two


def on_grey(size: tuple[int, int], side: int, place: tuple[int, int]) -> Image.Image:
    picture = Image.new("RGB", size, "grey")
    picture.paste(good().resize((side, side)), place)
    return picture


def saved(picture: Image.Image, kind: str = "JPEG") -> bytes:
    file = BytesIO()
    picture.save(file, kind)
    return file.getvalue()


GOOD = {
    "as it is": lambda: saved(good()),
    "as a PNG": lambda: saved(good(), "PNG"),
    "grey": lambda: saved(good().convert("L")),
    "large": lambda: saved(good().resize((3000, 3000))),
    "in landscape": lambda: saved(on_grey((1100, 700), 640, (230, 60))),
    "with a passer-by behind": lambda: saved(_with_a_passer_by()),
    "half as bright": lambda: saved(ImageEnhance.Brightness(good()).enhance(0.5)),
    "mirrored": lambda: saved(ImageOps.mirror(good())),
    "with nothing around it": lambda: saved(good().convert("RGBA"), "PNG"),
}
BAD = {
    "nobody": (lambda: saved(Image.effect_noise((640, 640), 60).convert("RGB")), {Failure.CENTER_FACE_NOT_VISIBLE}),
    "upside down": (lambda: saved(ImageOps.flip(good())), {Failure.CENTER_FACE_NOT_VISIBLE}),
    "two people": (lambda: saved(beside_each_other()), {Failure.MULTIPLE_FOREGROUND_PEOPLE, Failure.CENTER_FACE_NOT_VISIBLE}),
    "far away": (lambda: saved(on_grey((1600, 768), 310, (650, 200))), {Failure.CENTER_FACE_NOT_VISIBLE}),
    "at the edge": (lambda: saved(on_grey((1500, 640), 640, (0, 0))), {Failure.CENTER_FACE_NOT_VISIBLE}),
    "without its crown": (lambda: saved(good().crop((0, 170, 640, 640)).resize((640, 640))), {Failure.HEAD_NOT_FULLY_IN_FRAME}),
    "dark": (lambda: saved(ImageEnhance.Brightness(good()).enhance(0.18)), {Failure.IMAGE_QUALITY}),
    "blurred": (lambda: saved(good().filter(ImageFilter.GaussianBlur(4))), {Failure.IMAGE_QUALITY}),
}


def _with_a_passer_by() -> Image.Image:
    picture = on_grey((1280, 700), 640, (320, 40))
    picture.paste(good().crop((180, 100, 480, 400)).resize((130, 130)), (1080, 60))
    return picture
