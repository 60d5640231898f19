"""The attack `landmark_morph`: two faces, warped to a shape between theirs and blended.

mesh.py       points around the face, one triangulation for both contributors, folds
warping.py    one piecewise-affine map for the whole crop, and the pixels that it brings
blending.py   the face within its outline put onto a background, colours matched, no seam
plugin.py     settings and the plugin
"""

from attacks.landmark_morph.plugin import LandmarkMorph, LandmarkMorphSettings

__all__ = ["LandmarkMorph", "LandmarkMorphSettings"]
