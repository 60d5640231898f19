"""The data set `drawn`: people who do not exist, drawn by rule.

    person.py, view.py      parameters: who, and how seen
    population.py           people by seed and number
    geometry.py, surface.py poses, curves; surfaces and the rays that meet them
    anatomy.py              parameters to surfaces and curves
    skin.py, shading.py     colour and light on a surface
    canvas.py, sketch.py    a supersampled picture in the making
    features.py, hair.py, strands.py, beard.py, body.py   painters, one for each part
    renderer.py             all of them in order
    landmarks.py            points of the same geometry
    dataset.py              the plugin

`render` and `landmarks` are useful without the data set, wherever a face with known truth is wanted.
"""

from bench.datasets.drawn.dataset import Drawn, DrawnSettings
from bench.datasets.drawn.landmarks import landmarks
from bench.datasets.drawn.person import Person
from bench.datasets.drawn.population import person_from_seed
from bench.datasets.drawn.renderer import render
from bench.datasets.drawn.view import View

__all__ = ["Drawn", "DrawnSettings", "Person", "View", "landmarks", "person_from_seed", "render"]
