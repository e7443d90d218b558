"""Single networks: what is known of one, what one costs, how one scores."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from api.dependencies import Reading
from api.schemas import ArchitectureToCost, ArchitectureView, CostView, FiguresToScore, ScoreView
from api.services import architectures, scores

router = APIRouter(prefix="/v1", tags=["networks"])
Format = Annotated[Literal["json", "yaml"], Query(description="`yaml` gives the document alone, as a file.")]


@router.get("/architectures/{architecture_hash}", response_model=ArchitectureView)
def get_architecture(architecture_hash: str, session: Reading, format: Format = "json") -> ArchitectureView | Response:
    """An architecture that some search met, with its cost and all that was measured of it."""
    if format == "yaml":
        return Response(architectures.as_yaml(session, architecture_hash), media_type="application/yaml")
    return architectures.get(session, architecture_hash)


@router.post("/architectures/cost")
def count_architecture(wanted: ArchitectureToCost, session: Reading) -> CostView:
    """Parameters, FLOPs, activations and convolutions of an architecture, counted from its tree."""
    return architectures.count(session, wanted)


@router.post("/score")
def score_figures(figures: FiguresToScore) -> ScoreView:
    """The challenge's score of these figures with its parts, its gate, and the rank they would have."""
    return scores.scored(figures)
