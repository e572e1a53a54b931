"""Draws things that ImageNet has a class for, plainly enough for a model to name them.

Each is (400, 400, 3) uint8 BGR, named by its label, and different with every seed.
"""

from collections.abc import Callable, Mapping
from math import cos, pi, sin
from typing import Any

import cv2  # noqa: TID253 - nobody imports this but the process that draws
import numpy as np

SIDE = 400
INK = (25, 25, 25)
PAPER = (245, 248, 250)

Rng = np.random.Generator
Drawing = Any


def wall(rng: Rng, low: float, high: float) -> Drawing:
    """A wall of any colour between two brightnesses, lighter towards the floor."""
    shade = np.linspace(-25, 25, SIDE)[:, None, None]
    colour = np.broadcast_to(rng.uniform(low, high, 3) + shade, (SIDE, SIDE, 3))
    return np.clip(colour, 0, 255).astype(np.uint8)


def _text(drawing: Drawing, words: str, place: tuple[int, int], size: float, colour: Any) -> None:
    thick = max(1, round(size * 2.5))
    cv2.putText(drawing, words, place, cv2.FONT_HERSHEY_DUPLEX, size, colour, thick, cv2.LINE_AA)


def analog_clock(rng: Rng) -> Drawing:
    """A white dial with figures, in a dark rim."""
    drawing, middle, radius = wall(rng, 150, 250), SIDE // 2, int(rng.uniform(140, 175))

    def at(turn: float, share: float) -> tuple[int, int]:
        angle = turn * 2 * pi - pi / 2
        reach = radius * share
        return int(middle + cos(angle) * reach), int(middle + sin(angle) * reach)

    cv2.circle(drawing, (middle, middle), radius + 14, INK, -1, cv2.LINE_AA)
    cv2.circle(drawing, (middle, middle), radius, PAPER, -1, cv2.LINE_AA)
    for hour in range(12):
        x, y = at(hour / 12, 0.82)
        _text(drawing, str(hour or 12), (x - 12, y + 10), 0.8, INK)
    for minute in range(60):
        cv2.line(drawing, at(minute / 60, 0.94), at(minute / 60, 0.98), INK, 2, cv2.LINE_AA)
    for share, width in ((0.5, 9), (0.72, 5)):
        cv2.line(drawing, (middle, middle), at(rng.uniform(), share), INK, width, cv2.LINE_AA)
    return drawing


def crossword_puzzle(rng: Rng) -> Drawing:
    """A grid of letters and black squares."""
    drawing, cells = np.full((SIDE, SIDE, 3), 250, np.uint8), int(rng.integers(11, 15))
    side = SIDE // cells
    for x, y in np.ndindex(cells, cells):
        left, top = x * side, y * side
        black = rng.random() < 0.18
        corner = (left + side, top + side)
        cv2.rectangle(drawing, (left, top), corner, INK, -1 if black else 1)
        if not black and rng.random() < 0.6:
            _text(drawing, chr(rng.integers(65, 91)), (left + 7, top + side - 7), 0.5, INK)
    return drawing


def digital_clock(rng: Rng) -> Drawing:
    """Red figures in a black case."""
    drawing = wall(rng, 150, 220)
    cv2.rectangle(drawing, (40, 120), (360, 290), INK, -1)
    cv2.rectangle(drawing, (60, 145), (340, 265), (10, 5, 5), -1)
    time = f"{rng.integers(24):02}:{rng.integers(60):02}"
    _text(drawing, time, (72, 232), 2.6, (40, 40, 250))
    return drawing


def envelope(rng: Rng) -> Drawing:
    """Its back, with the folds."""
    drawing, colour = wall(rng, 40, 140), rng.uniform(200, 245, 3)
    fold = (colour * 0.6).tolist()
    cv2.rectangle(drawing, (50, 110), (350, 300), colour.tolist(), -1)
    flap = [(50, 110), (200, 225), (350, 110)]
    for line in (flap, [(50, 300), (165, 200)], [(350, 300), (235, 200)]):
        cv2.polylines(drawing, [np.array(line, np.int32)], False, fold, 3, cv2.LINE_AA)
    return drawing


def honeycomb(rng: Rng) -> Drawing:
    """Cells of wax, six-sided."""
    drawing, size = np.full((SIDE, SIDE, 3), (20, 90, 160), np.uint8), rng.uniform(16, 24)
    across, down = size * 3**0.5, size * 1.5
    for row in range(int(SIDE / down) + 2):
        for column in range(int(SIDE / across) + 2):
            x, y, light = (column + row % 2 / 2) * across, row * down, rng.uniform(0.6, 1.1)
            turns = [pi / 6 + corner * pi / 3 for corner in range(6)]
            cell = [(x + cos(t) * size * 0.86, y + sin(t) * size * 0.86) for t in turns]
            wax, dark = ([part * light for part in of] for of in ((20, 130, 215), (15, 80, 150)))
            cv2.fillPoly(drawing, [np.array(cell, np.int32)], wax, cv2.LINE_AA)
            cv2.circle(drawing, (int(x), int(y)), int(size * 0.5), dark, -1, cv2.LINE_AA)
    return drawing


def rule(rng: Rng) -> Drawing:
    """A yellow ruler from edge to edge."""
    drawing, top = wall(rng, 60, 200), int(rng.uniform(120, 230))
    cv2.rectangle(drawing, (0, top), (SIDE, top + 85), (90, 200, 235), -1)
    for x in range(0, SIDE, 8):
        long = x % 40 == 0
        cv2.line(drawing, (x, top), (x, top + (34 if long else 16)), INK, 2 if long else 1)
        if long:
            _text(drawing, str(x // 40), (x - 6, top + 60), 0.5, INK)
    return drawing


def traffic_light(rng: Rng) -> Drawing:
    """On a pole, one of its lights on."""
    drawing, left, width = wall(rng, 140, 230), int(rng.uniform(120, 200)), 92
    middle, on = left + width // 2, int(rng.integers(3))
    cv2.rectangle(drawing, (middle - 9, 300), (middle + 9, SIDE), (50, 50, 50), -1)
    cv2.rectangle(drawing, (left, 50), (left + width, 320), INK, -1)
    for number, colour in enumerate(((30, 30, 235), (30, 190, 250), (70, 200, 40))):
        light = colour if number == on else tuple(value * 0.22 for value in colour)
        cv2.circle(drawing, (middle, 98 + number * 88), width // 2 - 10, light, -1, cv2.LINE_AA)
    return drawing


OBJECTS: Mapping[str, Callable[[Rng], Drawing]] = {
    "analog clock": analog_clock,
    "crossword puzzle": crossword_puzzle,
    "digital clock": digital_clock,
    "envelope": envelope,
    "honeycomb": honeycomb,
    "rule": rule,
    "traffic light": traffic_light,
}
"""Label → how it is drawn."""
