"""What a pixel of a picture can show: the 19 classes of CelebAMask-HQ, left and right as seen in the picture."""

from bench.datasets.drawn.anatomy import LEFT, RIGHT

BACKGROUND, SKIN, NOSE, GLASSES = 0, 1, 2, 3
MOUTH, UPPER_LIP, LOWER_LIP = 10, 11, 12
HAIR, HAT, EARRING, NECKLACE, NECK, CLOTH = 13, 14, 15, 16, 17, 18
EYE = {LEFT: 4, RIGHT: 5}
BROW = {LEFT: 6, RIGHT: 7}
EAR = {LEFT: 8, RIGHT: 9}
