"""Section "Detectors": how well attacks are told from bona fide samples, for each species and for the worst."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from reports import detection_held, detection_pictures, detection_tables, numbers, sentences
from reports.detector_points import DetectorPoint
from reports.detectors import Detected, Shown, arranged
from reports.outlet import Outlet
from reports.page import Block, Folded, Links, Part, Section, Table, Words
from reports.records import spoken
from reports.series import Run
from reports.vocabulary import ATTACK_ERROR

_SENTENCES = 4
_NAMED = 3
"""Up to so many species are named in a sentence; the tables hold all."""
_LEGEND = (
    "Below each value stands its 95\u202f% interval over people; an arrow says which way is better. "
    "<span class='tag weak'>weak</span> rests on fewer than 30 errors, so it may be off by a third or more; "
    "<span class='tag insufficient'>insufficient</span> means that there are too few samples to set that threshold at "
    "all, and nothing is extrapolated. A rate is a share of the samples with a response."
)
_CARRIED = (
    "A threshold that is set on some people and used on others is what a system in use has. These were set elsewhere "
    "and held: what was asked for need not be what is achieved, and both errors are estimates with intervals."
)


def section(run: Run, outlet: Outlet) -> Section:
    """The section; without any part where there is no detector.

    Args:
        run: the run.
        outlet: takes the pictures and tables.
    """
    found = Section("detection", "Detectors")
    groups = run.of("detection")
    for position, group in enumerate(groups):
        shown = arranged(group, run)
        title = group.title if len(groups) > 1 else ""
        for part in _parts(shown, f"d{position}", outlet):
            found.parts.append(Part(", ".join(filter(None, (part.title, title))), part.blocks))
    if found.parts:
        found.parts[-1].blocks.append(Words(sentences.markup(_LEGEND), "files"))
    return found


def _parts(shown: Shown, anchor: str, outlet: Outlet) -> list[Part]:
    group = shown.group
    if not shown.detectors:
        failed = detection_tables.headline(shown, outlet)
        return [Part("", [Table(failed), Words("No cell succeeded: see Failed cells.")])]
    blocks: list[Block] = [Words(_asked(shown))]
    blocks += [Words(sentence, "short") for sentence in in_short(shown)]
    blocks.append(Table(detection_tables.headline(shown, outlet)))
    if (found := detection_tables.by_species(shown, outlet)) is not None:
        blocks += [Words("Each species by itself, with thresholds of its own:", "lead"), Table(found)]
    if (found := detection_tables.reverse(shown, outlet)) is not None:
        words = shown.words
        blocks.append(Folded(f"The reverse: {words.attack_error} at {words.bona_fide_error}", [Table(found)]))
    link = outlet.csv(detection_tables.detection_frame(shown), "detection", group.title)
    blocks.append(Links((("CSV: every figure", link),)))
    parts = [Part("", blocks)]
    first = [point for point in shown.carried if point.kind == ATTACK_ERROR] or list(shown.carried)
    if first:
        held: list[Block] = [Words(_CARRIED), *_held(shown, first, outlet)]
        if more := [point for point in shown.carried if point not in first]:
            goals = f"{shown.words.bona_fide_error} and D-EER"
            held.append(Folded(f"Those set for {goals}", _held(shown, more, outlet)))
        if (origins := detection_held.origins(shown, outlet)) is not None:
            held.append(Folded("Where the thresholds come from", [Table(origins)]))
        parts.append(Part("Thresholds that were set elsewhere", held))
    if curves := detection_pictures.curves(shown, anchor, outlet):
        parts.append(Part("Detection error trade-off", curves))
    if spread := detection_pictures.scores(shown, anchor, outlet):
        parts.append(Part("Attack scores", spread))
    if (found := detection_held.silent(shown, outlet)) is not None:
        parts.append(Part("Samples without a response", [Words(_SILENT), Table(found)]))
    return parts


def _held(shown: Shown, points: Sequence[DetectorPoint], outlet: Outlet) -> list[Block]:
    blocks: list[Block] = [Table(detection_held.carried(shown, points, outlet))]
    if (found := detection_held.carried_by_species(shown, points, outlet)) is not None:
        title = f"{shown.words.attack_error} of each species at the same thresholds"
        short = len(shown.species) <= _NAMED
        blocks += [Words(f"{title}:", "lead"), Table(found)] if short else [Folded(title, [Table(found)])]
    return blocks


_SILENT = (
    "A sample in which the detector\u2019s aligner finds no face gets no score. It is left out of all other rates, and "
    "counted here: a detector that refuses many samples may look better than it is."
)


# --------------------------------------------------------------------------------------------------------- in words


def _asked(shown: Shown) -> str:
    words, first = shown.words, shown.detectors[0]
    bona_fide = int(first.value("bona_fide_samples") or 0)
    attacks = sum(int(first.value("attack_samples", None, name) or 0) for name in first.species)
    people = first.series.outcome["counts"].get("people")
    rest = f" They rest on {numbers.plural(int(people), 'person', 'people')}." if people else ""
    named = f": {numbers.listed(list(shown.species))}" if len(shown.species) <= _NAMED else ", named below"
    several = f"{len(shown.species)} species" if shown.several else "one species"
    noun = words.attack if attacks == 1 else words.attacks
    return (
        f"{numbers.plural(bona_fide, 'bona fide sample')} and {numbers.count(attacks)} {noun} of {several}"
        f"{named}.{rest} A sample is classified as an attack if its score reaches the threshold. {words.meaning}"
    )


def in_short(shown: Shown) -> list[Markup]:
    """The detection equal error rate of each detector for the species that it misses most, with intervals.

    Args:
        shown: whose.
    """
    sentences: list[Markup] = []
    for one in shown.detectors[:_SENTENCES]:
        record = one.record("detection_equal_error_rate")
        if record is None or record["value"] is None:
            continue
        said = spoken(one.series, record)
        if shown.several and (worst := worst_of(one)):
            text = Markup("<b>{}</b> has a detection equal error rate of {} for {}, the species that it misses most.")
            sentences.append(text.format(one.series.label, said, worst))
        else:
            text = Markup("<b>{}</b> has a detection equal error rate of {}.")
            sentences.append(text.format(one.series.label, said))
    return sentences


def worst_of(one: Detected) -> str:
    """The species with the highest detection equal error rate; empty where none has one.

    Args:
        one: a detector.
    """
    name = "detection_equal_error_rate"
    known = {species: found for species in one.species if (found := one.value(name, None, species)) is not None}
    return max(known, key=lambda species: known[species]) if known else ""
