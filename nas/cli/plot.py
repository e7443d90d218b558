"""PSNR against latency: all that a search tried, its front, and the gate; as a page or as a picture.

Points stand at their ratio to the baseline in the same window times the baseline's latency in this search. What the
clock said in each window is shown beside it: windows of a busy machine are not comparable with those of a quiet one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nas.errors import RequestError
from nas.report import paired

Point = tuple[float, float]
TITLE = "PSNR against latency"
X_TITLE, Y_TITLE = "latency, ms (paired ratio x baseline; lower is better)", "PSNR, dB (higher is better)"
HOVER = "%{y:.3f} dB, %{x:.3f} ms paired<br>measured in its own window: %{customdata} ms"
GREY, BLUE, ORANGE = "#9aa0a6", "#1f6feb", "#d9730d"


def best_first(points: list[Point]) -> list[Point]:
    """Those that nothing beats in latency and PSNR; a front over other objectives may hold more."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda point: (point[0], -point[1])):
        if not kept or point[1] > kept[-1][1]:
            kept.append(point)
    return kept


@dataclass(frozen=True)
class Scatter:
    """What is drawn; every point is (latency in ms by its paired ratio, psnr_db)."""

    tried: list[Point]
    front: list[Point]
    baseline: Point | None
    gate_psnr_db: float | None
    device: str
    measured_ms: dict[Point, float] = field(default_factory=dict)
    """What the clock said in the window of each point."""

    @property
    def points(self) -> list[Point]:
        """All points."""
        return [*self.tried, *self.front, *([self.baseline] if self.baseline else [])]


def draw(front: dict[str, Any], tried: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the document of ``nas front --json``, among the metrics of all trials, into ``path``.

    Raises:
        RequestError: nothing has both a PSNR and a latency yet.
    """
    own, baseline_ms = front["baseline"], front["baseline"].get("latency_ms")
    series = [places(metrics, baseline_ms) for metrics in (tried, front["points"], [{**own, "latency_ratio": 1.0}])]
    scatter = Scatter(
        tried=list(series[0]),
        front=sorted(series[1]),
        baseline=next(iter(series[2]), None),
        gate_psnr_db=front["gate_psnr_db"],
        device=(front["device"] or {}).get("name", ""),
        measured_ms={**series[0], **series[1], **series[2]},
    )
    if not scatter.points:
        raise RequestError(f"Search {front['search']} has nothing to draw yet: no network has a PSNR and a latency.")
    if path.suffix.lower() == ".png":
        from nas.cli.picture import picture

        picture(scatter).save(path)
    else:
        path.write_text(page(scatter), encoding="utf-8")


def places(metrics: Sequence[dict[str, Any]], baseline_ms: float | None) -> dict[Point, float]:
    """Where those stand that have both figures, and what the clock said of each."""
    found: dict[Point, float] = {}
    for one in metrics:
        at_ms = paired(one, baseline_ms)["latency_paired_ms"]
        if at_ms is not None and one.get("psnr_db") is not None and one.get("latency_ms") is not None:
            found[at_ms, float(one["psnr_db"])] = float(one["latency_ms"])
    return found


def page(scatter: Scatter) -> str:
    """One HTML file that needs no network."""
    import plotly.graph_objects as go

    figure = go.Figure()
    series = [
        ("tried", scatter.tried, GREY, "markers"),
        ("front", scatter.front, BLUE, "markers"),
        ("none is faster and better", best_first(scatter.front), BLUE, "lines"),
    ]
    if scatter.baseline:
        series.append(("EFDN (baseline)", [scatter.baseline], ORANGE, "markers"))
    for name, points, colour, mode in series:
        xs, ys = [x for x, _ in points], [y for _, y in points]
        line = {"color": colour, "shape": "hv"}
        clock = [f"{scatter.measured_ms[point]:.3f}" for point in points]
        figure.add_scatter(
            x=xs, y=ys, name=name, mode=mode, marker={"color": colour, "size": 9}, line=line, customdata=clock,
            hovertemplate=HOVER,
        )  # fmt: skip
    if scatter.gate_psnr_db is not None:
        figure.add_hline(y=scatter.gate_psnr_db, line_dash="dash", annotation_text="gate (one paired baseline seed)")
    figure.update_layout(
        title=f"{TITLE}, {scatter.device}", xaxis_title=X_TITLE, yaxis_title=Y_TITLE, template="plotly_white"
    )
    html: str = figure.to_html(include_plotlyjs=True, full_html=True)
    return html
