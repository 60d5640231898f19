"""The ways of wearing hair."""

from __future__ import annotations

from dataclasses import dataclass

from bench.datasets.drawn.person import Person

Line = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Style:
    """What one way of wearing hair means for the surface and its edge.

    Attributes:
        top: thickness above the skull, head units.
        side: thickness above the ears.
        line: degrees from the middle of the face, and how far below the forehead's hairline (0) or at which height (for
            angles of 55 and more) hair ends there.
        length: y of the hair's lower end behind and beside the face; None where the nape's hairline ends it.
        whorl: where the strands start on top of the head, head units towards the viewer.
        curl: 0 for strands, 1 for curls.
        ragged: how far single strands of the edge stand out.
        low: thickness beside cheeks and neck, for long hair.
        bun: radius of a knot on top.
        burns: whether hair grows down before the ears.
        flare: how much thicker it is beside the ears than `side` says, as hair is that a hat presses down above them.
    """

    top: float
    side: float
    line: Line
    whorl: float = 0.1
    length: float | None = None
    curl: float = 0.0
    ragged: float = 0.05
    low: float = 0.0
    bun: float = 0.0
    burns: bool = False
    flare: float = 0.0


_EARS_FREE: Line = ((62, -0.42), (68, -0.15), (73, 0.10), (77, 0.40), (83, 0.42), (87, 0.02), (100, -0.05), (114, 0.20),
                    (180, 0.40))  # fmt: skip
_BUSHY: Line = ((62, -0.42), (70, -0.12), (76, 0.20), (90, 0.34), (110, 0.40), (180, 0.45))
_NO_BURNS: Line = ((62, -0.45), (70, -0.22), (80, 0.02), (90, 0.05), (104, 0.10), (116, 0.20), (180, 0.40))
_CURTAIN: Line = ((52, -0.40), (57, 0.0), (60, 0.5), (63, 1.1), (66, 3.0), (180, 4.0))

STYLES: dict[str, Style] = {
    "buzz": Style(0.035, 0.02, ((0, 0.02), (30, 0.0), (45, 0.10), *_EARS_FREE), ragged=0.0, burns=True),
    "short": Style(
        0.20, 0.06, ((0, 0.0), (22, -0.03), (36, -0.05), (50, 0.14), *_EARS_FREE), -0.7, ragged=0.13, burns=True
    ),
    "parted": Style(0.22, 0.08, ((0, 0.0), (30, 0.0), (50, 0.16), *_EARS_FREE), 0.3, ragged=0.06, burns=True),
    "swept": Style(
        0.32, 0.06, ((0, -0.03), (24, -0.05), (38, -0.05), (50, 0.14), *_EARS_FREE), -1.3, ragged=0.05, burns=True
    ),
    "fringe": Style(0.19, 0.10, ((0, 0.40), (30, 0.42), (50, 0.44), *_EARS_FREE), -0.1, ragged=0.26, burns=True),
    "bob": Style(0.18, 0.16, ((0, 0.0), (20, 0.05), (42, 0.32), *_CURTAIN), length=1.30, low=0.17),
    "long": Style(0.16, 0.13, ((0, 0.0), (20, 0.05), (42, 0.30), *_CURTAIN), length=2.40, low=0.15),
    "long_fringe": Style(
        0.17, 0.13, ((0, 0.50), (30, 0.50), (46, 0.56), *_CURTAIN), length=2.30, ragged=0.14, low=0.14
    ),
    "curly": Style(0.30, 0.20, ((0, 0.06), (30, 0.10), (48, 0.26), *_BUSHY), curl=1.0, ragged=0.12),
    "afro": Style(0.42, 0.40, ((0, 0.0), (30, 0.02), (48, 0.16), *_BUSHY), curl=1.0, ragged=0.08),
    "bun": Style(0.08, 0.035, ((0, 0.0), (30, 0.03), (48, 0.18), *_NO_BURNS), -1.3, ragged=0.02, bun=0.36),
}


def style_of(person: Person) -> Style | None:
    """The style a person wears; None for a bald head."""
    return STYLES.get(person.hair.style)


def shows_ears(person: Person) -> bool:
    """Whether a person's hair leaves the lobes of the ears free."""
    style = style_of(person)
    return style is None or style.length is None
