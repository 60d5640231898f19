"""What the page says of attention to the identity: shares by region, mean maps, and maps over faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reports import attention as attentions
from reports import attention_faces as overlays
from reports import numbers
from reports.attention import Attention, attention_of
from reports.figures import attention_maps, attention_shares
from reports.figures.attention_shares import View
from reports.figures.style import LineKey
from reports.makers import Judged
from reports.outlet import Outlet
from reports.page import Block, Chart, Folded, Links, Part, Words
from reports.series import Run
from reports.strands import Strands, strands_of

OPEN = 2
"""So many makers' pictures stand open, others are folded."""
_HOW = (
    "While it makes a face, the network looks, at every pixel, at one token for each region\u2019s style and at one "
    "for the identity, and shares its attention out among them; the shares add up to 100\u202f%. A bar is the "
    "identity\u2019s mean share over the pixels of a region of the first contributor\u2019s photo, over faces and "
    "layers, with its 95\u202f% interval, of those faces that have the region; hollow bars are weak, marks are the "
    "layers by themselves. The maps show the same share pixel by pixel, averaged over faces. Attention says where the "
    "identity is looked at, not how much it changes there."
)


def part(judged: Judged, run: Run, anchor: str, outlet: Outlet, show_faces: bool) -> Part | None:
    """The part about attention; None where no cell knows of it.

    Args:
        judged: the cells.
        run: the run.
        anchor: begins the charts' ids.
        outlet: takes the pictures and tables.
        show_faces: whether pictures of faces may be shown, real people's included.
    """
    found = attention_of(judged.made)
    if not found:
        return None
    strands = strands_of(judged.made)
    sets = _sets(strands, found)
    drawn: list[tuple[str, list[Block]]] = []
    for place, (title, axis, views) in enumerate(sets):
        drawn.append((title, [*_charts(title, axis, views, judged, f"{anchor}-attention-{place}", outlet)]))
    blocks: list[Block] = [Words(_HOW + _fair_of(found)), *(block for _, inside in drawn[:OPEN] for block in inside)]
    blocks += [Folded(title, inside) for title, inside in drawn[OPEN:]]
    blocks += overlays.blocks(_ascending(strands, found), judged, run, outlet, show_faces)
    path = outlet.csv(attentions.frame(found), "attention", judged.group.title)
    return Part("Attention to the identity", [*blocks, Links((("CSV: every layer and region", path),))])


def _fair_of(found: Mapping[str, Attention]) -> str:
    """What is said of the fair share: of all makers at once where it is the same, else of each; empty for none."""
    shares: dict[float, list[str]] = {}
    for maker, one in found.items():
        if one.fair:
            shares.setdefault(one.fair, []).append(maker)
    said = []
    for fair, makers in shares.items():
        whose = "" if len(makers) == len(found) else f" of {numbers.listed(makers)}"
        said.append(
            f" The dashed line is the fair share{whose}, {numbers.percent(fair, 1)}: what the identity would get if "
            f"all {round(1 / fair)} tokens were equal."
        )
    return "".join(said)


def _ascending(strands: Strands, found: Mapping[str, Attention]) -> dict[str, Attention]:
    """The same makers, those of a strand in the order of its numbers, any other behind them."""
    placed = [maker for strand in strands.found for maker in strand.makers if maker in found]
    return {maker: found[maker] for maker in [*placed, *(maker for maker in found if maker not in placed)]}


def _sets(strands: Strands, found: Mapping[str, Attention]) -> list[tuple[str, str, list[View]]]:
    """What stands in one picture, and along which number: the makers of a strand together, any other by itself."""
    sets: list[tuple[str, str, list[View]]] = []
    placed: set[str] = set()
    for strand in strands.found:
        views = [
            View(f"{strand.axis} {value:g}", found[maker])
            for value, maker in zip(strand.values, strand.makers, strict=True)
            if maker in found
        ]
        if views:
            title = strand.base if strand.name == strand.base else f"{strand.base}: {strand.name}"
            sets.append((title, strand.axis, views))
            placed.update(strand.makers)
    return sets + [(maker, "", [View("", one)]) for maker, one in found.items() if maker not in placed]


def _charts(title: str, axis: str, views: Sequence[View], judged: Judged, anchor: str, outlet: Outlet) -> list[Chart]:
    charts = []
    barred = [view for view in views if view.attention.regions]  # a maker without masks knows of no region
    if barred:
        charts.append(_shares_chart(title, axis, barred, judged, anchor, outlet))
    mapped = [view for view in views if view.attention.mean_maps is not None]
    if mapped:
        charts.append(_maps_chart(f"{title}: where in the face", mapped, judged, f"{anchor}-map", outlet))
    return charts


def _shares_chart(title: str, axis: str, views: Sequence[View], judged: Judged, anchor: str, outlet: Outlet) -> Chart:
    shares = outlet.picture(attention_shares.draw(views, title), "attention", judged.group.title, title)
    outlet.tell()
    last = views[-1].attention
    top = max(last.regions, key=lambda region: region.share.value)
    marks = attention_shares.layer_looks(views)
    return Chart(
        id=anchor,
        spec=attention_shares.chart(views),
        alt=f"{title}: the identity\u2019s share of attention in every region; the most in "
        f"{top.name.replace('_', ' ')}, {top.share.said}{f' at {views[-1].name}' if views[-1].name else ''}. All "
        "values stand in the CSV file.",
        caption=_of_faces([region.faces for view in views for region in view.attention.regions]),
        choice=axis.capitalize() or "Maker",
        files=shares,
        heading=title,
        keys=[("mean over layers", "var(--outcome-3)")],
        marks=[LineKey(name, look.variable, look.symbol) for name, look in marks.items()],
    )


def _of_faces(counts: Sequence[int]) -> str:
    least, most = min(counts), max(counts)
    if least == most:
        return f"Of {numbers.plural(most, 'face')}."
    return f"Of {numbers.count(least)} to {numbers.plural(most, 'face')}, as many as have the region."


def _maps_chart(heading: str, views: Sequence[View], judged: Judged, anchor: str, outlet: Outlet) -> Chart:
    files = outlet.picture(attention_maps.draw(views, heading), "attention_map", judged.group.title, heading)
    outlet.tell()
    counts = [len(view.attention.maps) for view in views]
    some = "" if min(counts) == max(counts) else f"{numbers.count(min(counts))} to "
    faces = f"{some}{numbers.plural(max(counts), 'face')}"
    layers = "; the buttons show layers by themselves" if max(view.attention.layers for view in views) > 1 else ""
    return Chart(
        id=anchor,
        spec=attention_maps.chart(views),
        alt=f"{heading}: the identity\u2019s share of attention at every pixel, averaged over faces.",
        caption=f"Mean over {faces}, all on one scale from 0{layers}.",
        files=files,
        heading=heading,
        choice="Layer",
        widest=0 if len(views) > 1 else 420,
    )
