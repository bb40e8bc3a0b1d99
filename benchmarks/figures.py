"""The arithmetic of the table, and its looks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

HEADINGS = ("measure", "n", "figure", "baseline", "ratio", "target", "")


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least ``percent`` of all do not exceed (nearest rank). Raises ValueError for none."""
    if not values:
        raise ValueError("there is nothing to take a percentile of")
    rank = math.ceil(percent / 100 * len(values))
    return sorted(values)[max(rank, 1) - 1]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        figure, baseline: in ``unit``; no baseline for what is counted.
        against: what the baseline is.
        most: the target: the greatest ratio, or the greatest figure where there is no ratio to judge.
        by_ratio: what ``most`` is a limit of.
        samples: how many were measured.
    """

    measure: str
    figure: float
    unit: str
    samples: int
    baseline: float | None = None
    against: str = ""
    most: float | None = None
    by_ratio: bool = True

    @property
    def ratio(self) -> float | None:
        return self.figure / self.baseline if self.baseline else None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None when there is none."""
        judged = self.ratio if self.by_ratio else self.figure
        if self.most is None:
            return None
        return judged is not None and judged <= self.most

    def cells(self) -> tuple[str, ...]:
        baseline = "" if self.baseline is None else f"{_number(self.baseline, self.unit)} ({self.against})"
        limit = f"{self.most:g}" if self.most is not None and self.by_ratio else _number(self.most or 0, self.unit)
        return (
            self.measure,
            str(self.samples),
            _number(self.figure, self.unit),
            baseline,
            "" if self.ratio is None else f"{self.ratio:.2f}",
            "" if self.most is None else f"{'ratio ' if self.by_ratio else ''}<= {limit}",
            {True: "met", False: "MISSED", None: ""}[self.met],
        )


def _number(value: float, unit: str) -> str:
    return f"{value:.0f}" if not unit else f"{value:.{1 if value >= 10 else 2}f} {unit}"


def render_table(rows: Sequence[Row]) -> str:
    """The rows under their headings, columns aligned."""
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    rule = tuple("-" * width for width in widths)
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (lines[0], rule, *lines[1:])
    )
