"""Procedural faces: who it is and how the head is held are numbers, so both can be read back.

Used by :mod:`datamodules.puppets`.
"""

from dataclasses import astuple, dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from datamodules.batches import to_uint8

_OVERSAMPLING = 4
_SKINS = ((255, 224, 189), (234, 192, 134), (198, 134, 66), (141, 85, 36), (88, 52, 24))
_HAIRS = ((30, 25, 25), (95, 60, 30), (215, 180, 90), (180, 70, 40), (150, 150, 155), (90, 60, 140))
_EYES = ((60, 110, 200), (70, 140, 70), (90, 60, 40), (20, 20, 20))
_SHIRTS = (
    (200, 60, 60),
    (60, 140, 90),
    (60, 90, 190),
    (230, 180, 60),
    (120, 80, 150),
    (70, 70, 80),
)
_WALLS = ((225, 235, 245), (245, 235, 220), (225, 240, 225), (240, 225, 235))
#: What a landmark picture draws in which colour, on black.
LANDMARKS = {
    "jaw": (255, 255, 255),
    "brows": (255, 160, 0),
    "eyes": (0, 200, 255),
    "nose": (0, 255, 0),
    "mouth": (255, 0, 80),
}


@dataclass(frozen=True)
class Person:
    """Who it is.

    Attributes:
        skin: number of the colour of the skin, 0 to 4.
        hair: number of the colour of the hair, 0 to 5.
        iris: number of the colour of the eyes, 0 to 3.
        shirt: number of the colour of the shirt, 0 to 5.
        wall: number of the colour behind, 0 to 3.
        style: of the hair: 0 short, 1 long, 2 bald with a fringe at the sides.
        width: half the width of the head by the edge of the picture, 0.20 to 0.27.
        height: half its height, 0.28 to 0.33.
        gap: half the distance of the eyes by the width, 0.38 to 0.5.
        nose: length of the nose by the height, 0.2 to 0.35.
        lips: half the width of the mouth by the width, 0.35 to 0.55.
    """

    skin: int
    hair: int
    iris: int
    shirt: int
    wall: int
    style: int
    width: float
    height: float
    gap: float
    nose: float
    lips: float


@dataclass(frozen=True)
class Pose:
    """How the head is held.

    Attributes:
        yaw: -1 turned to the left of the picture, 1 to its right.
        mouth: 0 closed to 1 wide open.
        eyes: 0 closed to 1 open.
    """

    yaw: float
    mouth: float
    eyes: float


def draw_person(draws: np.random.Generator) -> Person:
    """Draw somebody; a person is uniform over colours and proportions."""
    counts = (len(_SKINS), len(_HAIRS), len(_EYES), len(_SHIRTS), len(_WALLS), 3)
    ranges = ((0.20, 0.27), (0.28, 0.33), (0.38, 0.5), (0.2, 0.35), (0.35, 0.55))
    return Person(
        *(int(draws.integers(count)) for count in counts),
        *(float(draws.uniform(*span)) for span in ranges),
    )


def draw_pose(draws: np.random.Generator) -> Pose:
    """Draw a pose: uniform, but eyes are wide open most of the time."""
    yaw, mouth = draws.uniform(-1.0, 1.0), draws.uniform(0.0, 1.0)
    eyes = 1.0 if draws.uniform() < 0.6 else draws.uniform(0.0, 1.0)
    return Pose(float(yaw), float(mouth), float(eyes))


def render(person: Person, pose: Pose, size: int) -> NDArray[np.uint8]:
    """Draw the face: uint8 ``(3, size, size)``."""
    canvas = _Canvas(size, _WALLS[person.wall])
    places = _places(person, pose)
    w, h, turn = person.width, person.height, 0.3 * pose.yaw * person.width
    skin, hair = _SKINS[person.skin], _HAIRS[person.hair]
    dark = _shade(skin, 0.75)
    if person.style == 1:
        canvas.ellipse(0.5 - 0.3 * turn, 0.5, 1.25 * w, 1.2 * h, hair)
    canvas.ellipse(0.5, 1.08, 0.42, 0.26, _SHIRTS[person.shirt])
    canvas.box(0.5 - 0.4 * w, 0.5 + 0.7 * h, 0.5 + 0.4 * w, 0.9, dark)
    if person.style != 1:
        canvas.ellipse(0.5 - 0.5 * turn, 0.43, 1.12 * w, 0.95 * h, hair)
    canvas.ellipse(0.5, 0.48, w, h, skin)
    for side in (-1, 1):
        # The ear that is turned away disappears behind the head.
        ear = 0.5 + side * w - 0.6 * turn
        if side * pose.yaw < 0.4:
            canvas.ellipse(ear, 0.5, 0.12 * w + 0.01, 0.2 * h, dark)
    if person.style == 2:
        for side in (-1, 1):
            canvas.ellipse(0.5 + side * 0.92 * w - 0.5 * turn, 0.42, 0.18 * w, 0.4 * h, hair)
    else:
        canvas.top(0.5 + 0.4 * turn, 0.47, 1.02 * w, 1.05 * h, 0.36 if person.style else 0.34, hair)
    for x, y, wide in places.eyes:
        canvas.ellipse(x, y, wide, 0.004 + 0.045 * pose.eyes, (250, 250, 250))
        if pose.eyes > 0.15:
            shift = 0.25 * wide * pose.yaw
            high = min(0.5 * wide, 0.045 * pose.eyes)
            canvas.ellipse(x + shift, y, 0.5 * wide, high, _EYES[person.iris])
        canvas.lines([(x - wide, y), (x + wide, y)], _shade(skin, 0.5), 0.008)
    for brow in places.brows:
        canvas.lines(brow, _shade(hair, 0.8), 0.018)
    canvas.lines(places.nose, dark, 0.018)
    x, y, wide, high = places.mouth
    canvas.ellipse(x, y, wide, 0.008 + high, (150, 40, 50))
    if high > 0.02:
        canvas.ellipse(x, y, 0.75 * wide, 0.7 * high, (70, 10, 20))
    return canvas.pixels()


def render_landmarks(person: Person, pose: Pose, size: int) -> NDArray[np.uint8]:
    """Draw the landmarks as coloured lines on black: uint8 ``(3, size, size)``."""
    canvas, places = _Canvas(size, (0, 0, 0)), _places(person, pose)
    thick = 0.02
    canvas.lines(places.jaw, LANDMARKS["jaw"], thick)
    for brow in places.brows:
        canvas.lines(brow, LANDMARKS["brows"], thick)
    for x, y, wide in places.eyes:
        canvas.ring(x, y, wide, 0.004 + 0.045 * pose.eyes, LANDMARKS["eyes"], thick)
    canvas.lines(places.nose, LANDMARKS["nose"], thick)
    x, y, wide, high = places.mouth
    canvas.ring(x, y, wide, 0.008 + high, LANDMARKS["mouth"], thick)
    return canvas.pixels()


def read_pose(images: Tensor, persons: list[Person], steps: int = 9) -> Tensor:
    """Read poses: the oracle draws the known person in a grid of poses and takes the nearest.

    Args:
        images: ``(N, 3, S, S)`` in [-1, 1], such as a generator draws them.
        persons: N, who each of them shall be.
        steps: values of yaw; the mouth has 5 and the eyes have 3.

    Returns:
        float32 ``(N, 3)``: yaw, mouth, eyes.
    """
    grid = [
        Pose(float(yaw), float(mouth), float(eyes))
        for yaw in np.linspace(-1.0, 1.0, steps)
        for mouth in np.linspace(0.0, 1.0, 5)
        for eyes in np.linspace(0.0, 1.0, 3)
    ]
    found = []
    for image, person in zip(to_uint8(images.detach().cpu()), persons, strict=True):
        drawn = np.stack([render(person, pose, image.shape[-1]) for pose in grid])
        found.append(astuple(grid[_nearest(image, drawn)]))
    return torch.tensor(found, dtype=torch.float32).reshape(-1, 3)


def read_person(images: Tensor, poses: list[Pose], persons: list[Person]) -> Tensor:
    """Read identities: draws all candidates in the known pose and takes the nearest.

    Args:
        images: ``(N, 3, S, S)`` in [-1, 1].
        poses: N, how each head shall be held.
        persons: candidates.

    Returns:
        int64 ``(N,)`` places among the candidates.
    """
    found = []
    for image, pose in zip(to_uint8(images.detach().cpu()), poses, strict=True):
        drawn = np.stack([render(person, pose, image.shape[-1]) for person in persons])
        found.append(_nearest(image, drawn))
    return torch.tensor(found, dtype=torch.int64)


def person_vector(person: Person) -> tuple[float, ...]:
    """Return all numbers of a person, in the order of its fields."""
    return tuple(float(getattr(person, field.name)) for field in fields(person))


def _nearest(image: Tensor, drawn: NDArray[np.uint8]) -> int:
    difference = drawn.astype(np.float32) - image.numpy().astype(np.float32)
    return int((difference**2).mean((1, 2, 3)).argmin())


def _shade(colour: tuple[int, int, int], factor: float) -> tuple[int, int, int]:
    red, green, blue = (round(part * factor) for part in colour)
    return red, green, blue


@dataclass(frozen=True)
class _Places:
    """Where the parts of a face are, as shares of the edge."""

    jaw: list[tuple[float, float]]
    brows: list[list[tuple[float, float]]]
    eyes: list[tuple[float, float, float]]
    nose: list[tuple[float, float]]
    mouth: tuple[float, float, float, float]


def _places(person: Person, pose: Pose) -> _Places:
    """Place the parts; a turned head moves them by their depth, and narrows the far side."""
    w, h, yaw = person.width, person.height, pose.yaw
    middle = 0.5 + 0.35 * w * yaw
    eyes, brows = [], []
    for side in (-1, 1):
        narrow = 1.0 - 0.35 * max(0.0, side * yaw)
        x = middle + side * person.gap * w * narrow
        wide = 0.2 * w * narrow + 0.012
        eyes.append((x, 0.45, wide))
        high = 0.45 - 0.2 * h
        brows.append([(x - 1.1 * wide, high + 0.01), (x, high), (x + 1.1 * wide, high + 0.01)])
    tip = (0.5 + 0.6 * w * yaw, 0.45 + person.nose * h)
    angles = np.linspace(0.05 * np.pi, 0.95 * np.pi, 13)
    jaw = [(0.5 + w * float(np.cos(a)), 0.48 + h * float(np.sin(a))) for a in angles]
    lips = person.lips * w * (1.0 - 0.2 * abs(yaw)) * (1.0 - 0.25 * pose.mouth)
    mouth = (0.5 + 0.4 * w * yaw, 0.48 + 0.6 * h, lips, 0.2 * h * pose.mouth)
    return _Places(jaw, brows, eyes, [(middle, 0.47), tip, (middle, tip[1] + 0.01)], mouth)


class _Canvas:
    """Pillow's drawing in shares of the edge, four times too large and then averaged."""

    def __init__(self, size: int, background: tuple[int, int, int]) -> None:
        self.size, self.scale = size, size * _OVERSAMPLING
        self.image = Image.new("RGB", (self.scale, self.scale), background)
        self.draw = ImageDraw.Draw(self.image)

    def _box(self, x: float, y: float, rx: float, ry: float) -> tuple[float, float, float, float]:
        s = self.scale
        return ((x - rx) * s, (y - ry) * s, (x + rx) * s, (y + ry) * s)

    def ellipse(
        self, x: float, y: float, rx: float, ry: float, colour: tuple[int, int, int]
    ) -> None:
        self.draw.ellipse(self._box(x, y, rx, ry), fill=colour)

    def ring(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        colour: tuple[int, int, int],
        thick: float,
    ) -> None:
        box = self._box(x, y, rx + thick / 2, ry + thick / 2)
        self.draw.ellipse(box, outline=colour, width=round(thick * self.scale))

    def top(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        edge: float,
        colour: tuple[int, int, int],
    ) -> None:
        """The part of an ellipse above a height: hair on the forehead."""
        half = float(np.degrees(np.arcsin(min(1.0, (y - edge) / ry))))
        self.draw.chord(self._box(x, y, rx, ry), 180.0 + half, 360.0 - half, fill=colour)

    def box(
        self, left: float, top: float, right: float, bottom: float, colour: tuple[int, int, int]
    ) -> None:
        s = self.scale
        self.draw.rectangle((left * s, top * s, right * s, bottom * s), fill=colour)

    def lines(
        self, points: list[tuple[float, float]], colour: tuple[int, int, int], thick: float
    ) -> None:
        scaled = [(x * self.scale, y * self.scale) for x, y in points]
        self.draw.line(scaled, fill=colour, width=max(1, round(thick * self.scale)), joint="curve")

    def pixels(self) -> NDArray[np.uint8]:
        small = self.image.reduce(_OVERSAMPLING)
        return np.asarray(small).transpose(2, 0, 1)
