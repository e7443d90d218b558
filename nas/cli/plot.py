"""PSNR against latency: all that a search tried, its front, and the gate; as a page or as a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.errors import RequestError

Point = tuple[float, float]
TITLE = "PSNR against latency"
X_TITLE, Y_TITLE = "latency, ms (lower is better)", "PSNR, dB (higher is better)"
GREY, BLUE, ORANGE = "#9aa0a6", "#1f6feb", "#d9730d"


def best_first(points: list[Point]) -> list[Point]:
    """Those that nothing beats in latency and PSNR; a front over other objectives may hold more."""
    kept: list[Point] = []
    for latency_ms, psnr_db in sorted(points, key=lambda point: (point[0], -point[1])):
        if not kept or psnr_db > kept[-1][1]:
            kept.append((latency_ms, psnr_db))
    return kept


@dataclass(frozen=True)
class Scatter:
    """What is drawn; every point is (latency_ms, psnr_db)."""

    tried: list[Point]
    front: list[Point]
    baseline: Point | None
    gate_psnr_db: float | None
    device: str

    @property
    def points(self) -> list[Point]:
        """All points."""
        return [*self.tried, *self.front, *([self.baseline] if self.baseline else [])]


def draw(front: dict[str, Any], tried: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the document of ``nas front --json``, among the metrics of all trials, into ``path``.

    Raises:
        RequestError: nothing has both a PSNR and a latency yet.
    """
    scatter = Scatter(
        tried=places(tried),
        front=sorted(places(front["points"])),
        baseline=next(iter(places([front["baseline"]])), None),
        gate_psnr_db=front["gate_psnr_db"],
        device=(front["device"] or {}).get("name", ""),
    )
    if not scatter.points:
        raise RequestError(f"Search {front['search']} has nothing to draw yet: no network has a PSNR and a latency.")
    if path.suffix.lower() == ".png":
        from nas.cli.picture import picture

        picture(scatter).save(path)
    else:
        path.write_text(page(scatter), encoding="utf-8")


def places(metrics: Sequence[dict[str, Any]]) -> list[Point]:
    """Where those stand that have both figures."""
    known = [one for one in metrics if one.get("latency_ms") is not None and one.get("psnr_db") is not None]
    return [(float(one["latency_ms"]), float(one["psnr_db"])) for one in known]


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
        figure.add_scatter(x=xs, y=ys, name=name, mode=mode, marker={"color": colour, "size": 9}, line=line)
    if scatter.gate_psnr_db is not None:
        figure.add_hline(y=scatter.gate_psnr_db, line_dash="dash", annotation_text="gate (one paired baseline seed)")
    figure.update_layout(
        title=f"{TITLE}, {scatter.device}", xaxis_title=X_TITLE, yaxis_title=Y_TITLE, template="plotly_white"
    )
    html: str = figure.to_html(include_plotlyjs=True, full_html=True)
    return html
