# SPDX-License-Identifier: Apache-2.0
"""What impersona reads when it starts: a row for each plugin, and nothing that takes time to import."""

PLUGINS = [
    {
        "kind": "generator",
        "name": "half_and_half",
        "target": "impersona_example.half_and_half:HalfAndHalf",
        "settings": "impersona_example.half_and_half:HalfAndHalfSettings",
        "summary": "the left half of one face, the right half of another",
        "source": "you",
        "licence": "Apache-2.0",
    },
    {
        "kind": "recognizer",
        "name": "average_colour",
        "target": "impersona_example.average_colour:AverageColour",
        "settings": "impersona_example.average_colour:AverageColourSettings",
        "summary": "the mean colours of a few squares of the face",
        "source": "you",
        "licence": "Apache-2.0",
    },
]
