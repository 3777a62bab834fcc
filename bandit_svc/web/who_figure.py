"""The heat map of who gets what, and its table.

Owns the way from the result of services.report.who_gets_what to a figure.
"""

from bandit_svc.charts.heat_map import Cell, Side, heat_map
from bandit_svc.domain.numbers import amount, count, percent
from bandit_svc.prose.report_html.figure import Figure, figure
from bandit_svc.services.report.who_gets_what import WhoCell, WhoGetsWhat

MOST_LISTED = 60


def who_figure(found: WhoGetsWhat, variants: list[str], variant: str | None) -> Figure:
    """Draw the most shown variant of each cell, or the share of one variant.

    Args:
        found: the result of services.report.who_gets_what.
        variants: all variants, in the order of their colours.
        variant: the one whose share is drawn; None for the most shown ones.
    """
    known = [*variants, *sorted(_named(found) - set(variants))]
    cells = {
        (cell.row, cell.column): _cell(cell, known, variant) for cell in found.cells
    }
    rows = Side(found.row_key or "", found.rows)
    columns = Side(found.column_key or "all decisions", found.columns)
    title = f"Share of {variant}" if variant else "The variant that is shown most"
    listed = sorted(found.cells, key=lambda cell: -cell.n)[:MOST_LISTED]
    return figure(
        lambda width: heat_map(rows, columns, cells, title, width),
        (
            *(rows.name or "Decisions", columns.name, "Decisions", "Variant"),
            *("Share", "Its mean reward", "Mean reward of all"),
        ),
        [_listed(cell, variant) for cell in listed],
    )


def _named(found: WhoGetsWhat) -> set[str]:
    return {variant for cell in found.cells for variant in cell.variants}


def _chosen(cell: WhoCell, variant: str | None) -> tuple[str, float, float | None]:
    """Return the variant that a cell shows, its share and its mean reward."""
    name = variant or next(iter(cell.variants))
    one = cell.variants.get(name)
    return (name, 0.0, None) if one is None else (name, one.share, one.mean)


def _cell(cell: WhoCell, known: list[str], variant: str | None) -> Cell:
    name, share, mean = _chosen(cell, variant)
    first = (percent(share),) if variant else (name, percent(share))
    reward = "" if mean is None else f"earns {amount(mean)}"
    return Cell(known.index(name), share, (*first, reward))


def _listed(cell: WhoCell, variant: str | None) -> tuple[str, ...]:
    name, share, mean = _chosen(cell, variant)
    return (
        *(cell.row or "all", cell.column or "all", count(cell.n), name),
        *(percent(share), amount(mean), amount(cell.mean)),
    )
