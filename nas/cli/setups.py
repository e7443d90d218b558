"""What ``nas predict`` lacks, in words: the setup that was asked for, and those that hold measurements."""

from collections.abc import Callable, Sequence
from typing import Any

from nas.cli.measuring import Reference
from nas.evaluate.latency import DeviceRecord, LatencyProtocol, Settings, Shape, device_record
from nas.evaluate.latency.predictor import LEAST_ROWS
from nas.store.measurements import Setup

MOST = 5
"""Setups that are named, those with the most networks."""

SizesOf = Callable[[str], dict[str, Sequence[Shape]]]
"""The sizes that a protocol (its id) measures on, by the option that asks for them; no option is an empty word."""


def too_few(found: int, protocol: LatencyProtocol, baseline: Reference, others: Sequence[Setup], sizes: SizesOf) -> str:
    """Why nothing is predicted: how little was measured of one setup, which one that is, and what there is instead.

    Args:
        found: Networks measured with it.
        protocol: How it measures.
        baseline: What its ratios are taken to.
        others: The other setups of its device.
        sizes: See ``SizesOf``.
    """
    plan, device = protocol.plan, device_record(str(protocol.plan.device))
    how = plan.settings
    threads = [f"{plan.threads} thread{'s' * (plan.threads > 1)}"] if device.kind == "cpu" else []
    words = [protocol.id, how.precision, how.memory_format, how.engine, *threads, f"ratios to {baseline.name}"]
    words.append(_named(plan.shapes, sizes(protocol.id)) or span(plan.shapes))
    there = [f"{one.networks} {_difference(one.record, protocol, baseline, device, sizes)}" for one in others[:MOST]]
    instead = f" Of this device it also holds {'; '.join(there)}." if there else " It holds none of this device at all."
    return (
        f"A latency predictor needs {LEAST_ROWS} networks measured with this very setup; the store holds {found} "
        f"for {device.name} with {', '.join(words)}.{instead if there or not found else ''} "
        "Measure more of them, or search."
    )


def span(shapes: Sequence[Shape]) -> str:
    """The smallest and the largest of some sizes."""
    ordered = sorted(shapes, key=lambda shape: shape.pixels)
    low, high = (f"{shape.width}x{shape.height}" for shape in (ordered[0], ordered[-1]))
    return f"at {low}" if low == high else f"at sizes from {low} to {high}"


def _named(shapes: Sequence[Shape], known: dict[str, Sequence[Shape]]) -> str:
    options = [option for option, those in known.items() if tuple(those) == tuple(shapes)]
    return (f"at the sizes of {options[0]}" if options[0] else "at the challenge's sizes") if options else ""


def _difference(
    record: dict[str, Any], protocol: LatencyProtocol, baseline: Reference, device: DeviceRecord, sizes: SizesOf
) -> str:
    """In what a measured setup is another one: options that ask for it, as far as there are any."""
    plan, mine, theirs = protocol.plan, protocol.plan.settings, Settings.from_dict(record["settings"])
    parts = [f"by {record['protocol']}"] if record["protocol"] != protocol.id else []
    options = [
        f"--{name.replace('_', '-')} {getattr(theirs, name)}"
        for name in ("precision", "memory_format", "engine")
        if getattr(theirs, name) != getattr(mine, name)
    ]
    options += [f"--threads {record['threads']}"] if record["threads"] != plan.threads else []
    parts += [f"with {' '.join(options)}"] if options else []
    beside = record.get("baseline", {})
    parts += [f"with ratios to {beside['name']}"] if beside and beside["name"] != baseline.name else []
    shapes = tuple(Shape(**shape) for shape in record["shapes"])
    if record["protocol"] != protocol.id or shapes != tuple(plan.shapes):
        parts.append(_named(shapes, sizes(record["protocol"])) or span(shapes))
    if any(record["device"].get(name) != value for name, value in device.software().items()):
        parts.append("with other software")
    return " ".join(parts) or "with another time limit, or by another version of the measuring code"
