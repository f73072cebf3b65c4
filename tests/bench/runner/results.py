"""What a run found: rows of a table, and the points of plots."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import median

from .statistics import Ratio, ratio


@dataclass(frozen=True)
class Row:
    """One figure, beside a peer's where it has one."""

    # Which part of the run made it.
    figure: str
    what: str
    unit: str
    ours: float | None
    peer: str = ""
    theirs: float | None = None
    ratio: Ratio | None = None
    # Whether a smaller ratio is the better one.
    less_is_better: bool = True
    note: str = ""


@dataclass
class Curve:
    """Points of one contender in one plot."""

    plot: str
    contender: str
    x: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)


@dataclass
class Results:
    """Everything that was found so far."""

    rows: list[Row] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    # What each round measured, for who wants to compute something else.
    raw: dict[str, object] = field(default_factory=dict)

    def compare(self, figure: str, what: str, unit: str, ours: list[float], peer: str, theirs: list[float], *,
                less_is_better: bool = True, note: str = "") -> None:
        """Adds a row of rounds that took turns."""
        self.rows.append(Row(figure, what, unit, median(ours), peer, median(theirs), ratio(ours, theirs),
                             less_is_better, note))

    def tell(self, figure: str, what: str, unit: str, values: list[float], note: str = "") -> None:
        """Adds a row that has no peer."""
        self.rows.append(Row(figure, what, unit, median(values), note=note))

    def refuse(self, figure: str, what: str, reason: str) -> None:
        """Adds a row of what could not be measured, and why."""
        self.rows.append(Row(figure, what, "", None, note=f"refused: {reason}"))

    def point(self, plot: str, contender: str, x: float, y: float) -> None:
        """Adds a point to a curve."""
        found = [curve for curve in self.curves if (curve.plot, curve.contender) == (plot, contender)]
        if not found:
            self.curves.append(Curve(plot, contender))
            found = self.curves[-1:]
        found[0].x.append(x)
        found[0].y.append(y)

    def as_json(self) -> dict:
        return {"rows": [asdict(row) for row in self.rows], "curves": [asdict(curve) for curve in self.curves],
                "raw": self.raw}
