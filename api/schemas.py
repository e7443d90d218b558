"""What goes over the wire, as far as no other room says it already."""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PositiveFloat, PositiveInt

Item = TypeVar("Item")
Document = dict[str, Any]
SearchStatus = Literal["queued", "running", "paused", "cancelled", "done", "failed"]
TrialState = Literal["running", "complete", "pruned", "infeasible", "failed", "duplicate"]


class Answer(BaseModel):
    """Base of what is answered; rows of the store turn into it by their attributes."""

    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True)


class Body(BaseModel):
    """Base of what is sent; a misspelt name is an error and not ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class PageOf(Answer, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next_cursor: str | None = None
    """Send it as `cursor` to get the next page; null on the last."""


class TrialCounts(Answer):
    """How far a search is."""

    budget: int
    """How many trials were asked for."""
    spent: int
    """How many ended trials count: not those that were known before, nor those forbidden by their cost alone."""
    running: int = 0
    complete: int = 0
    pruned: int = 0
    infeasible: int = 0
    failed: int = 0
    duplicate: int = 0


class SearchView(Answer):
    """A search."""

    id: str
    name: str
    status: SearchStatus
    wish: str
    """What was asked of the worker and has not happened yet: cancel, pause or nothing."""
    space: str
    """The name of its space."""
    recipe: str
    """The name of its recipe."""
    request: Document
    trials: TrialCounts
    baseline: Document
    """The baseline network beside which everything was measured; empty until then."""
    fidelity: bool
    """Whether its fidelity report is there."""
    error: str
    last_event: int
    """The newest event; send it as `Last-Event-ID` to follow from here."""
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class TrialView(Answer):
    """One architecture that a search tried."""

    number: int
    state: TrialState
    hash: str
    deployed_hash: str
    assignment: Document
    values: Document
    metrics: Document
    constraints: Document
    rung: int
    attempt: int
    duplicate_of: int | None
    error: str
    created_at: datetime
    finished_at: datetime | None


class NewExport(Body):
    """What to export."""

    trial: str = "best"
    """`best`, or the hash of a finished trial."""
    format: Literal["pytorch"] = "pytorch"


class ExportView(Answer):
    """An export, in the making or done."""

    id: str
    search_id: str
    trial: str
    hash: str
    """What is exported; empty until `best` is settled."""
    format: str
    status: Literal["queued", "running", "done", "failed"]
    file: str | None
    """Where to get the zip; null until it is done."""
    error: str
    created_at: datetime
    finished_at: datetime | None


class Named(Answer):
    """Something that requests may name."""

    name: str


class SpaceView(Answer):
    """A search space."""

    name: str
    scale: int
    size: int | None
    """How many architectures can be drawn, exactly, beyond what a double holds; null from 10^4000."""
    size_log10: float
    holes: int
    """How many names the choices have."""
    document: Document


class SpaceToCheck(Body):
    """A space to check: one of the two."""

    space: str | dict[str, JsonValue] | None = None
    """A ready-made name, or the document."""
    text: str | None = Field(default=None, max_length=1024 * 1024)
    """The document as YAML or JSON text."""


class ArchitectureToCost(Body):
    """An architecture, and the image to count it on."""

    architecture: str | dict[str, JsonValue]
    """`system:NAME`, the hash of a candidate, or the document."""
    height: Annotated[int, Field(ge=1, le=16384)] = 256
    width: Annotated[int, Field(ge=1, le=16384)] = 256


class CostView(Answer):
    """Cost of the deployed form, and the parameters of the training form."""

    hash: str
    deployed_hash: str
    params: int
    flops: int
    activations: int
    convs: int
    training_params: int


class ArchitectureView(Answer):
    """An architecture that some search met, with all that was measured of it."""

    hash: str
    deployed_hash: str
    document: Document
    cost: Document
    measurements: list[Document]
    qualities: list[Document]
    created_at: datetime


class FiguresToScore(Body):
    """Figures of one network; those of the baseline are the published ones unless given."""

    runtime_ms: PositiveFloat
    params: PositiveInt
    flops: PositiveInt
    """Multiply-accumulates of one 3x256x256 image."""
    baseline_runtime_ms: PositiveFloat | None = None
    psnr_db: float | None = None
    """On the validation set, for the gate."""
    edition: str | dict[str, JsonValue] = "ntire2025"
    """A ready-made edition's name, or the document of an own one."""


class ScoreView(Answer):
    """Each part is exp(2 x / x of the baseline), the lower the better; and where the network would stand."""

    runtime: float
    params: float
    flops: float
    final: float
    edition: str
    psnr_db: float | None
    gate_psnr_db: float
    """The PSNR on the validation set that the edition requires."""
    eligible: bool | None
    """Whether the network reaches it; null without a PSNR."""
    why: str
    """Why it would not be ranked, empty when it would."""
    would_be_rank: int | None
    """Its place among the ranked rows of the report; null when it would have none."""
    of: int | None


class DeviceView(Answer):
    """A device that a living worker has, or that something was measured on."""

    uuid: str
    workers: list[str]
    """The living workers that have it; empty for one that was seen only in the past."""
    record: Document
    """As its worker, or else its newest measurement, saw it."""
    measurements: dict[str, dict[str, int]]
    """How many there are, by protocol and status."""
    first_measured_at: datetime | None
    last_measured_at: datetime | None


class ChangeView(Answer):
    """How a latency differs from that of the session before with the very same key."""

    since: datetime
    measurement: int
    """The earlier one."""
    ratio: float
    """Relative change of the ratio to the baseline; positive when it became slower."""
    latency: float
    """The same of the latency in ms, in which a device that was slower on that day shows too."""
    verdict: Literal["faster", "slower", "cannot tell"]
    """By the intervals of the ratios."""
    drifted: bool
    """Whether those intervals do not overlap."""
    text: str


class MeasurementView(Answer):
    """One measurement of one network on one device; every measurement is kept."""

    id: int
    key: str
    """Of all that the latency depends on; the newest sound measurement of a key answers for it."""
    setup: str
    """The same without the network; empty for measurements of before it was kept."""
    deployed_hash: str
    device_uuid: str
    protocol: str
    status: Literal["ok", "unstable", "failed"]
    latency_ms: float | None
    ratio: float | None
    """To the baseline's latency in the same window."""
    record: Document
    """Intervals, drift, drops, settings, shapes, the baseline, the device before and after."""
    change: ChangeView | None = None
    """From the newest sound measurement of its key before it; null for the first, and for one that is not sound."""
    created_at: datetime


class MeasurementWithSamples(MeasurementView):
    """One measurement with its raw samples in milliseconds."""

    samples: Document
    """A row for each shape or run, of the candidate and of the baseline."""


class State(Answer):
    """Whether the service can do its work."""

    status: Literal["ok"] = "ok"


class SystemView(Answer):
    """A published system."""

    name: str
    team: str
    model: str
    rank: int | None
    """Place in the report's table; null for baselines and for those that were not ranked."""
    unranked: str
    """Why the report's table does not rank it; empty when it does, and for its baseline."""
    baseline_of: str | None
    """The edition of the challenge whose baseline it is."""
    params: int
    flops: int
    table: dict[str, float | None]
    """The report's own row."""
