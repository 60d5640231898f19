"""Section "Who looks like whom": identity matrices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from reports import numbers
from reports.figures import identity_matrix
from reports.figures.identity_matrix import IdentityMatrix, Ranges
from reports.outlet import Outlet
from reports.page import Block, Chart, Part, Section
from reports.records import by_key, spoken
from reports.series import Group, Run, Series


def section(run: Run, outlet: Outlet) -> Section:
    """The section; without any part where no cell has an identity matrix.

    Args:
        run: the run.
        outlet: takes the pictures, and the matrices as CSV files.
    """
    found = Section("identities", "Who looks like whom")
    for position, group in enumerate(run.groups):
        blocks: list[Block] = []
        for place, one in enumerate(group.series):
            matrix = None if one.identities is None else identity_matrix.identity_matrix(one.identities)
            outlet.tell()
            if matrix is not None:
                blocks.append(_chart(matrix, one, group, f"g{position}-identities-{place}", outlet))
        if blocks:
            found.parts.append(Part(group.title if len(run.groups) > 1 else "", blocks))
    return found


def _chart(matrix: IdentityMatrix, one: Series, group: Group, anchor: str, outlet: Outlet) -> Chart:
    files = outlet.picture(identity_matrix.draw(matrix, one.label, one.unit), "identities", group.title, one.label)
    square = pd.DataFrame(matrix.similarity, index=list(matrix.people), columns=list(matrix.people))
    links = [("CSV", outlet.csv(square, "identities", group.title, one.label, index=True))]
    counts = pd.DataFrame(matrix.comparisons, index=square.index, columns=square.columns)
    links.append(("CSV: comparisons", outlet.csv(counts, "identity_counts", group.title, one.label, index=True)))
    left_out = f" ({numbers.count(matrix.left_out)} more are left out: nobody is as near to them)"
    return Chart(
        id=anchor,
        spec=identity_matrix.chart(matrix, one.unit, ranges_in(one, matrix.people)),
        alt=f"Identity similarity matrix of {one.label} on {group.title}. {of_matrix(matrix)}",
        caption=f"Scores between {len(matrix.people)} people, similar people next to each other"
        + (left_out if matrix.left_out else "")
        + f"; the framed diagonal compares photos of one person. {of_matrix(matrix)} {_means(one)}A bright cell "
        "beside the diagonal is a pair that the recognizer may confuse.",
        files=(*files, *links),
        heading=one.label,
        look=outlet.looks[one.label],
        widest=identity_matrix.chart_height(matrix) + 130,
    )


def ranges_in(one: Series, people: Sequence[str]) -> Ranges | None:
    """Between which scores the trials of two people lie, as far as they were compared; None where nobody was.

    Args:
        one: whose scores.
        people: P names.

    Returns:
        Lowest and highest score, float64 (P, P) each and symmetric, NaN where the trials hold no pair of those two.
    """
    if not {"probe_subject", "reference_subject"} <= set(one.trials.columns):
        return None
    place = {person: index for index, person in enumerate(people)}
    sides = []
    for side in ("probe_subject", "reference_subject"):
        names = one.trials[side].astype("category").cat
        known = np.array([place.get(str(name), -1) for name in names.categories] + [-1], dtype=np.int64)
        sides.append(known[names.codes.to_numpy()])
    kept = (sides[0] >= 0) & (sides[1] >= 0) & ~np.isnan(one.scores)
    if not kept.any():
        return None
    pairs = np.minimum(*sides)[kept], np.maximum(*sides)[kept]
    low, high = (np.full((len(people), len(people)), end) for end in (np.inf, -np.inf))
    np.minimum.at(low, pairs, one.scores[kept])
    np.maximum.at(high, pairs, one.scores[kept])
    low, high = np.minimum(low, low.T), np.maximum(high, high.T)
    return np.where(np.isfinite(low), low, np.nan), np.where(np.isfinite(high), high, np.nan)


def of_matrix(matrix: IdentityMatrix) -> str:
    """What was observed in a matrix: how much was averaged, and its extremes. It estimates nothing."""
    fewest, most = (numbers.count(number) for number in matrix.averaged)
    words = (
        f"A cell is the average of the {fewest if fewest == most else f'{fewest} to {most}'} scores that were observed "
        "between the photos of two people: a description of these photos, not an estimate for others."
    )
    if (least := matrix.least_alike) is not None:
        words += f" Lowest on the diagonal: {matrix.people[least]}, {_observed(matrix, least, least)}."
    if (closest := matrix.closest) is not None:
        names = " and ".join(matrix.people[place] for place in closest)
        words += f" Highest beside it: {names}, {_observed(matrix, *closest)}."
    return words


def _observed(matrix: IdentityMatrix, row: int, column: int) -> str:
    number = int(matrix.comparisons[row, column])
    return f"{numbers.plain(float(matrix.similarity[row, column]), 3)} over {numbers.plural(number, 'comparison')}"


def _means(one: Series) -> str:
    """The means over all trials, which are estimates and have intervals; empty where the cell has none."""
    records = by_key(one)
    found = [records.get((f"{kind}_similarity_mean", None)) for kind in ("mated", "nonmated")]
    if not all(record is not None and record["value"] is not None for record in found):
        return ""
    mated, nonmated = (spoken(one, record) for record in found if record is not None)
    return f"Over all trials, mated pairs score {mated} on average and nonmated ones {nonmated}. "
