"""The data set `drawn`: people who do not exist, drawn by rule.

    person.py, view.py      parameters: who, and how seen
    draw.py, population.py, accessories.py   people by seed and number, and what they wear
    kin.py                  people who lie between others, or near them: known contributors, known leaks
    geometry.py, surface.py poses, curves; surfaces and the rays that meet them
    anatomy.py              parameters to surfaces and curves
    skin.py, shading.py     colour and light on a surface
    canvas.py, sketch.py    a supersampled picture in the making, and what each of its pixels shows
    features.py, hair_styles.py, hair.py, strands.py, beard.py, body.py, glasses.py, hats.py, jewels.py
                            painters, one for each part
    renderer.py             all of them in order: picture and mask
    landmarks.py            points of the same geometry
    parts.py, attributes.py the 19 classes of a mask, the 40 attributes of a face
    dataset.py              the plugin

`render`, `mask`, `landmarks` and `attributes_of` are useful without the data set, wherever a face with known truth is
wanted.
"""

from bench.datasets.drawn.accessories import dressed
from bench.datasets.drawn.attributes import attributes_of
from bench.datasets.drawn.dataset import Drawn, DrawnSettings
from bench.datasets.drawn.kin import blend, twin
from bench.datasets.drawn.landmarks import landmarks
from bench.datasets.drawn.person import Person
from bench.datasets.drawn.population import person_from_seed
from bench.datasets.drawn.renderer import mask, render
from bench.datasets.drawn.view import Hat, View

__all__ = [
    "Drawn",
    "DrawnSettings",
    "Hat",
    "Person",
    "View",
    "attributes_of",
    "blend",
    "dressed",
    "landmarks",
    "mask",
    "person_from_seed",
    "render",
    "twin",
]
