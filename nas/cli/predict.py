"""``nas predict``: where the latency of networks is expected, from what was measured on this device before."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.architectures import find
from nas.cli.measuring import Setup
from nas.cli.options import Database, Json, options_of
from nas.cli.output import columns, emit, fixed, rows, say
from nas.errors import MeasurementError

if TYPE_CHECKING:
    from rich.table import Table

    from nas.cli.measuring import Reference
    from nas.evaluate.latency import Shape
    from nas.evaluate.latency.predictor import Predictor
    from nas.language import Architecture

commands = typer.Typer()
Archs = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ARCH]...", help="Files, system:NAME, or hashes; none: only what the predictor is worth."),
]


@commands.command("predict")
@options_of(Setup, "setup")
def predict(*, database: Database, archs: Archs = None, setup: Setup, as_json: Json = False) -> None:
    """Predict latency ratios from the store's own measurements of one setup; a prediction is never a result.

    Refused when too few networks were measured with this setup, or when FLOPs alone predict as well.
    """
    wanted = [(text, find(text, database)) for text in archs or []]
    baseline = setup.beside(database)
    protocol = setup.measured_by(database, baseline.architecture.scale)
    from nas.cli.stores import opened
    from nas.evaluate.latency.predictor import LEAST_ROWS, NoPredictionError, Predictor
    from nas.language import Architecture
    from nas.store import measurements

    key = protocol.key("", baseline.architecture.deployed_hash)
    with opened(database) as store, store.reading() as session:
        known = measurements.comparable(session, key)
    if len(known) < LEAST_ROWS:
        raise NoPredictionError(refusal(setup, database, baseline, len(known)))
    predictor = Predictor.fit([(Architecture(one.document), one.ratio) for one in known])
    measured = {one.deployed_hash: one.ratio for one in known}
    predictions = [one_prediction(text, found, predictor, measured) for text, found in wanted]
    document = {
        "protocol": protocol.id,
        "setup": key,
        "baseline": baseline.to_dict(),
        "worth": predictor.worth.to_dict(),
        "predictions": predictions,
    }
    emit(document, as_json=as_json, table=lambda: table(document))
    unknown = [one for one in predictions if one["reason"]]
    for one in unknown:
        say(f"{one['name']}: {one['reason']}")
    if unknown:
        raise MeasurementError(f"{len(unknown)} of {len(predictions)} networks cannot be predicted.")


def refusal(setup: Setup, database: str, baseline: "Reference", found: int) -> str:
    """Why too few measurements are known, and what was measured of this device in other ways."""
    from nas.cli.setups import too_few
    from nas.cli.stores import opened
    from nas.evaluate.latency import device_record
    from nas.store import datasets, measurements

    scale = baseline.architecture.scale
    protocol = setup.measured_by(database, scale)
    key = protocol.key("", baseline.architecture.deployed_hash)
    with opened(database) as store, store.reading() as session:
        others = [one for one in measurements.setups(session, device_record(setup.device).uuid) if one.setup != key]
        names = datasets.names(session)

    @cache
    def sizes(protocol_id: str) -> "dict[str, Sequence[Shape]]":
        name = protocol_id.partition("/")[0]
        return dict(setup.known_sizes(name, database, scale, names))

    return too_few(found, protocol, baseline, others, sizes)


def one_prediction(
    name: str, architecture: "Architecture", predictor: "Predictor", measured: dict[str, float]
) -> dict[str, Any]:
    """The predicted ratio of one network, or why there is none; beside what was measured of it."""
    from dataclasses import asdict

    from nas.evaluate.latency.predictor import NoPredictionError

    named = {"name": name, "hash": architecture.hash, "deployed_hash": architecture.deployed_hash}
    known = {"measured_ratio": measured.get(architecture.deployed_hash)}
    try:
        return {**named, **asdict(predictor.predict(architecture)), "reason": "", **known}
    except NoPredictionError as error:
        return {**named, "ratio": None, "low": None, "high": None, "reason": str(error), **known}


def table(document: dict[str, Any]) -> "Table | str":
    """The document of ``nas predict --json`` as a table; where no network was named, what the predictor is worth."""
    if not document["predictions"]:
        return f"{caption(document)}."
    shown = columns("network", "predicted, of baseline", "95 %", "measured", title=caption(document))
    return rows(
        shown,
        (
            (
                one["name"],
                fixed(one["ratio"], 3),
                f"{one['low']:.3f} to {one['high']:.3f}" if one["low"] is not None else None,
                fixed(one["measured_ratio"], 3),
            )
            for one in document["predictions"]
        ),
    )


def caption(document: dict[str, Any]) -> str:
    """What ratios are taken to, and what the predictor is worth, in words."""
    worth = document["worth"]
    return (
        f"As a ratio to {document['baseline']['name']}, learned from {worth['rows']} networks; on networks left out: "
        f"error {worth['mape']:.1%}, rank correlation {worth['spearman']:.2f} "
        f"(FLOPs alone: {worth['flops_mape']:.1%}, {worth['flops_spearman']:.2f})"
    )
