"""How much a made face differs from a photo to the eye, and a set of made faces from a set of photos."""
