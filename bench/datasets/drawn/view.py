"""How a person is looked at: pose, light, expression, place in the picture, background and camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.datasets.drawn.person import Colour

BACKGROUNDS: tuple[Colour, ...] = (
    (206, 216, 222), (226, 214, 200), (188, 204, 190), (212, 200, 214), (170, 184, 200), (232, 226, 214),
    (150, 160, 168), (196, 178, 160), (120, 136, 150), (222, 204, 196),
)  # fmt: skip
CLOTHES: tuple[Colour, ...] = (
    (62, 84, 118), (150, 62, 60), (70, 104, 84), (64, 64, 72), (226, 222, 214), (186, 146, 74), (106, 78, 124),
    (88, 128, 152), (172, 110, 120), (44, 54, 74), (128, 134, 128), (104, 62, 74),
)  # fmt: skip
NECKLINES = ("crew", "vee", "shirt", "turtle")
HATS = ("none", "cap", "beanie", "fedora", "bucket", "sun_hat")


@dataclass(frozen=True)
class Hat:
    """What is on the head.

    Attributes:
        style: one of `HATS`.
        colour: of the hat.
        band: of its band, its button or its fold.
    """

    style: str = "none"
    colour: Colour = (46, 52, 68)
    band: Colour = (58, 56, 58)


NO_HAT = Hat()


@dataclass(frozen=True)
class View:
    """One way of looking at a person.

    Attributes:
        yaw: degrees, positive when the face turns to the right of the picture.
        pitch: degrees, positive when it looks up.
        roll: degrees, positive clockwise.
        light: where the key light comes from: right of the picture, up, towards the viewer; any length.
        light_strength: 0 (flat light) to 1 (hard light).
        warmth: -1 (cold light) to 1 (warm light).
        exposure: factor on all brightness.
        smile: -0.5 (sad) to 1.
        mouth_open: 0 to 1.
        gaze: -1 to 1, right and down.
        lids: 0.5 (half shut) to 1.15 (wide).
        brows_up: -1 (frown) to 1.
        scale: head units to sides of the picture; 0.222 shows head and collar.
        offset: of the face from its usual place, in sides of the picture.
        background: two colours, top left and bottom right.
        clothes: colour.
        neckline: one of `NECKLINES`.
        noise: grain, in levels of 255.
        blur: radius in pixels of a picture of side 192.
        grain: seed of the grain and of the background's blots.
        glasses: whether the person's glasses are on.
        earrings: whether the person's earrings are on.
        necklace: whether the person's necklace is on.
        hat: what is on the head.
        tie: colour of a tie, which only a shirt shows; None for none.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    light: tuple[float, float, float] = (-0.45, -0.55, 0.9)
    light_strength: float = 0.55
    warmth: float = 0.1
    exposure: float = 1.0
    smile: float = 0.15
    mouth_open: float = 0.0
    gaze: tuple[float, float] = (0.0, 0.0)
    lids: float = 1.0
    brows_up: float = 0.0
    scale: float = 0.222
    offset: tuple[float, float] = (0.0, 0.0)
    background: tuple[Colour, Colour] = ((206, 216, 222), (170, 184, 200))
    clothes: Colour = (62, 84, 118)
    neckline: str = "crew"
    noise: float = 0.0
    blur: float = 0.0
    grain: int = 0
    glasses: bool = False
    earrings: bool = False
    necklace: bool = False
    hat: Hat = NO_HAT
    tie: Colour | None = None

    @classmethod
    def sampled(cls, rng: np.random.Generator, max_yaw: float, frontal: bool = False) -> View:
        """A view drawn at random, of somebody who wears no accessories; `accessories.dressed` puts them on.

        Args:
            rng: where it is drawn from.
            max_yaw: degrees; pitch and roll stay within 0.5 and 0.4 of it.
            frontal: a passport-like view: hardly any pose, a calm face, soft light.
        """

        def within(reach: float, middle: float = 0.0) -> float:
            return round(middle + reach * (2.0 * rng.random() - 1.0), 4)

        turn, mood = (0.12, 0.15) if frontal else (1.0, 1.0)
        first, second = (BACKGROUNDS[int(rng.integers(len(BACKGROUNDS)))] for _ in range(2))
        return cls(
            yaw=within(turn * max_yaw),
            pitch=within(turn * 0.5 * max_yaw),
            roll=within(turn * 0.4 * max_yaw),
            light=(within(0.5 if frontal else 0.9), within(0.3, -0.55), within(0.15, 0.95)),
            light_strength=within(0.1 if frontal else 0.3, 0.5),
            warmth=within(0.2 if frontal else 0.7, 0.1),
            exposure=within(0.04 if frontal else 0.12, 1.0),
            smile=within(0.15, 0.30) if frontal else within(0.5, 0.5),
            mouth_open=0.0 if frontal or rng.random() < 0.5 else within(0.4, 0.4),
            gaze=(within(mood * 0.7), within(mood * 0.35)),
            lids=within(0.02 if frontal else 0.12, 1.0),
            brows_up=within(mood * 0.6, 0.15),
            scale=within(0.004 if frontal else 0.016, 0.222),
            offset=(within(0.01 if frontal else 0.03), within(0.01 if frontal else 0.02)),
            background=(first, second),
            clothes=CLOTHES[int(rng.integers(len(CLOTHES)))],
            neckline=NECKLINES[int(rng.integers(len(NECKLINES)))],
            noise=within(0.8, 1.5),
            blur=0.0 if frontal else within(0.3, 0.3),
            grain=int(rng.integers(2**31)),
        )
