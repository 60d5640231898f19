"""What pack.json says of a pack: who is in it, who is not and why, and everything that it was made with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from bench.api import Template
from bench.packs.pictures import EFFORT, FORMAT
from bench.packs.shards import SCHEMA, SPLITS
from bench.provenance import value_digest
from bench.sweep.inputs import Entry
from bench.sweep.packing_faces import Candidate
from bench.sweep.packing_fit import Choice
from bench.sweep.packing_folder import PackFolder
from bench.sweep.packing_request import PackRequest
from bench.sweep.packing_sources import Source, in_several

NOTICE = {
    True: "Research data: photos of real people, with their embeddings, which are biometric data. For research by "
    "whoever may use the data sets named here; do not publish it, and do not pass it on.",
    False: "Pictures of people who do not exist.",
}


def manifest_of(
    request: PackRequest,
    template: Template,
    sources: Sequence[Source],
    names: Sequence[str],
    folder: PackFolder,
    choice: Choice,
    kept: Sequence[Candidate],
    left_out: Mapping[str, Counter[str]],
) -> Entry:
    """What pack.json holds.

    Args:
        request: what was asked for.
        template: of the crops.
        sources: its data sets.
        names: its attributes.
        folder: its files and its specification.
        choice: what made it fit.
        kept: the faces that are in it.
        left_out: by data set, how many were left out why.
    """
    spec = folder.spec
    real = not all(source.dataset.shows_faces for source in sources)
    return {
        "schema": SCHEMA,
        "notice": NOTICE[real],
        "real_people": real,
        "side": request.side,
        "template": {
            "name": template.name,
            "side": template.side,
            "digest": spec["template"],
            "points": {scheme: points.tolist() for scheme, points in template.targets.items()},
        },
        "faces": len(kept),
        "people": _people(kept),
        "splits": {
            split: {"faces": len(some), "people": _people(some)}
            for number, split in enumerate(SPLITS)
            if (some := [one for one in kept if one.split == number])
        },
        "datasets": [_about(number, request, sources, kept, left_out) for number in range(len(request.datasets))],
        "names_in_several": in_several(sources),
        "masks": request.masks,
        "attributes": list(names),
        "aligner": spec["aligner"],
        "recognizer": {**spec["recognizer"], "dimension": len(kept[0].embedding), "stored_as": request.identity},
        "parser": spec["parser"],
        "pictures": {"format": FORMAT, "quality": choice.quality, "effort": EFFORT, "per_person": choice.per_person},
        "specification": spec,
        "specification_digest": value_digest(spec),
        "networks": folder.networks,
        "shards": folder.shards,
    }


def _about(
    number: int,
    request: PackRequest,
    sources: Sequence[Source],
    kept: Sequence[Candidate],
    left_out: Mapping[str, Counter[str]],
) -> Entry:
    """What the manifest says of one data set."""
    one = request.datasets[number]
    mine = [source for source in sources if source.number == number]
    faces = [candidate for candidate in kept if candidate.source.number == number]
    own = bool(mine) and mine[0].masked
    return {
        "name": one.called,
        "plugin": one.name,
        "photos": sum(len(source.frames) for source in mine),
        "faces": len(faces),
        "people": _people(faces),
        "left_out": dict(sorted(left_out[one.called].items())),
        "masks": None if not request.masks else "data set" if own else request.parser.name,
        "columns_left_out": sorted({name for source in mine for name in source.unfit}),
    }


def _people(faces: Sequence[Candidate]) -> int:
    return len({one.subject.tobytes() for one in faces})
