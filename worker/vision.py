"""Looks for faces in a picture with dlib's own detector, whose model is part of the library. It may not judge, fetch or keep anything.

The detector sees faces that look into the camera, as Tavus wants them; one in profile counts as none. The optional extra `vision` brings it.
"""

import threading
from io import BytesIO
from typing import Any

from PIL import Image, ImageFilter, ImageOps, ImageStat

from worker.core.vision import Face, Finding, Seen, findings, main_face

# The detector's window has 80 pixels: drawn to 768, a face of an eighth of the shorter side, the smallest that is let through, has 96.
_SHORTER, _LONGER = 768, 1536  # pixels; a panorama is drawn smaller, for its faces are too small anyway
_LEAST = 0.0  # the detector's own threshold
_FACE = 128  # pixels to which a face is drawn before its sharpness is measured, so that it means the same for every size
# The second derivative: in a face that is in focus it varies, in a blurred one it does not. Around the middle of the scale, for it may be negative.
_LAPLACIAN = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128)


class EyesMissingError(Exception):
    """The extra `vision` is not installed."""

    def __init__(self) -> None:
        super().__init__("looking at pictures needs the optional extra: in the folder of this program, pip install --editable '.[vision]'")


class Eyes:
    """One for a process, used from any number of threads. Raises EyesMissingError where the extra is not installed."""

    def __init__(self) -> None:
        try:
            import dlib  # noqa: PLC0415 - an optional extra, and some megabytes that only who looks should pay for
            import numpy as np  # noqa: PLC0415 - the same
        except ImportError:
            raise EyesMissingError from None
        self._detector, self._array = dlib.get_frontal_face_detector(), np.asarray
        self._lock = threading.Lock()  # the detector keeps its pyramid between two looks

    def findings(self, body: bytes) -> list[Finding]:
        """What speaks against the picture of these bytes, which must have been judged whole and neither too large nor too small before."""
        return findings(self.look(body))

    def look(self, body: bytes) -> Seen:
        """The faces, and how well the largest can be seen."""
        with Image.open(BytesIO(body), formats=("JPEG", "PNG")) as picture:
            picture.draft("L", _size(picture))  # a JPEG is decoded at a fraction of its size, never at a smaller one
            grey = ImageOps.exif_transpose(_flat(picture)).convert("L")
        grey = _within(grey)
        faces = self._faces(grey)
        return Seen(grey.width, grey.height, faces, *(_light(grey, main_face(faces)) if faces else ()))

    def _faces(self, grey: Image.Image) -> list[Face]:
        with self._lock:
            found: Any = self._detector.run(self._array(grey), 0, _LEAST)
        return [Face(one.left(), one.top(), one.right() + 1, one.bottom() + 1, score) for one, score in zip(*found[:2], strict=True)]


def _size(picture: Image.Image) -> tuple[int, int]:
    """How large it is looked at."""
    scale = min(1.0, _SHORTER / min(picture.size), _LONGER / max(picture.size))
    return round(picture.width * scale), round(picture.height * scale)


def _within(picture: Image.Image) -> Image.Image:
    return picture.resize(_size(picture), Image.Resampling.BILINEAR)


def _light(grey: Image.Image, face: Face) -> tuple[float, float]:
    """The face's brightness, and its sharpness."""
    even = grey.crop((round(face.left), round(face.top), round(face.right), round(face.bottom))).resize((_FACE, _FACE))
    edges = even.filter(_LAPLACIAN).crop((1, 1, _FACE - 1, _FACE - 1))
    contrast = ImageStat.Stat(even).var[0]
    return ImageStat.Stat(even).mean[0], 100 * ImageStat.Stat(edges).var[0] / max(contrast, 1.0)


def _flat(picture: Image.Image) -> Image.Image:
    """What is transparent shows white, as on a page."""
    if picture.mode not in {"RGBA", "LA", "PA"} and "transparency" not in picture.info:
        return picture
    whole = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole)
