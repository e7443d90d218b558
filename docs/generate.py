"""Writes docs/reference from the code; ``--check`` says which page is out of date instead.

python docs/generate.py [--check]
"""

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

DOCS = Path(__file__).parent
NOTE = "<!-- Written by docs/generate.py; change the code and run `make docs`. -->"


def ops() -> Iterator[str]:
    """Every op of the language: fields, ranges, defaults, taps and source."""
    from nas.ops import registry

    yield "# Ops\n\nEverything a step may name, by kind, with its fields. A field without a default must be given."
    yield "`width` without a value is the nearest one around the step."
    kinds: dict[str, list[Any]] = {}
    for op in registry().values():
        kinds.setdefault(op.kind, []).append(op)
    for kind, members in kinds.items():
        yield f"## {kind}"
        for op in members:
            yield from one_op(op)


def one_op(op: Any) -> Iterator[str]:
    yield f"### `{op.name}`\n\n{prose(op)}"
    specs = op.specs()
    if specs:
        lines = [
            f"| `{name}` | {cell(spec.domain())} | {default(op, name)} | {purpose(spec)} |"
            for name, spec in specs.items()
        ]
        yield "\n".join(["| field | takes | default | what it does |", "|---|---|---|---|", *lines])
    if op.source:
        yield f"Source: {op.source}"


def default(op: Any, name: str) -> str:
    defaults = op.defaults()
    if name not in defaults:
        return "–"
    value = defaults[name]
    return "nearest `width`" if value is None else f"`{plain(op, name, value)}`"


def plain(op: Any, name: str, value: Any) -> Any:
    items = value if isinstance(value, tuple) else (value,)
    if items and hasattr(items[0], "to_dict"):
        return ", ".join(one.name for one in items)
    return op.specs()[name].plain(value)


def purpose(spec: Any) -> str:
    return f"{spec.doc} (training only)" if spec.training else str(spec.doc)


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def prose(thing: Any) -> str:
    return inspect.cleandoc(thing.__doc__ or "").split("\n\nArgs:")[0].replace("``", "`")


def spaces() -> Iterator[str]:
    """Every ready-made space in one line, with its size and how many published systems are points of it."""
    from nas.language import load_space
    from nas.published import families

    yield "# Spaces\n\nThe ready-made search spaces. Sizes count draws, as [the language](language.md#size) says."
    yield "`nas spaces show NAME` prints one, `nas spaces size NAME` estimates how much of it meets its bounds."
    lines = ["| space | networks | published systems among them |", "|---|---|---|"]
    for name, family in families().items():
        lines.append(f"| [`{name}`](spaces/{name}.md) | {load_space(name).size():,} | {len(family.points)} |")
    yield "\n".join(lines)


def one_space(name: str) -> Iterator[str]:
    """What a space varies, its size, the published systems among its points, and the holes."""
    from nas.language import load_space
    from nas.published import families

    text = (DOCS.parent / "search_spaces" / "spaces" / f"{name}.yaml").read_text()
    space, family, header = load_space(name), families()[name], re.match(r"(?:#.*\n)+", text)
    yield f"# `{name}`\n\n" + " ".join(re.findall(r"^# (.*)$", header[0] if header else "", re.MULTILINE))
    yield f"Networks: {space.size():,}, from {len(space.holes())} holes."
    bounds = " and ".join(f"`{one.text}`" for one in space.require)
    yield f"Bounds: {bounds}." if bounds else "It has no bounds."
    within, beyond = split(space, family.points)
    yield f"Points: {', '.join(within) or 'no published system'}."
    if beyond:
        yield f"Points beyond its bounds: {', '.join(beyond)}."
    yield "Near, but no points:\n\n" + "\n".join(f"- {one}: {why}." for one, why in family.near.items())
    yield "## What it varies"
    lines = [f"| `{hole.name}` | {values(hole)} |" for hole in space.holes()]
    yield "\n".join(["| hole | values |", "|---|---|", *lines])


def values(hole: Any) -> str:
    if hole.integers:
        return f"{hole.values[0]} to {hole.values[-1]}"
    return cell(", ".join(str(value).lower() if isinstance(value, bool) else str(value) for value in hole.values))


def split(space: Any, names: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The systems that meet the bounds of a space, and those that do not, with their ranks."""
    from nas.published import system

    within: list[str] = []
    beyond: list[str] = []
    for one in map(system, names):
        cost = {"params": one.params, "flops": one.flops}
        met = all(bound.violation(cost) <= 0 for bound in space.require)
        (within if met else beyond).append(f"{one.name} ({standing(one)})")
    return within, beyond


def standing(one: Any) -> str:
    return f"rank {one.rank}" if one.rank else f"baseline of {one.baseline_of}" if one.baseline_of else "unranked"


def recipes() -> Iterator[str]:
    """Every recipe with its stages; of published ones, what their source states and what it leaves open."""
    from nas.evaluate.quality.recipes import load_recipe, ready_made

    yield "# Recipes"
    yield "How networks are trained. `nas recipes show NAME` prints one with its comments; copy it to make your own."
    yield "Those of published systems hold what the source states; customary values stand in for what it leaves open."
    for recipe in sorted(map(load_recipe, ready_made()), key=lambda one: (one.source is not None, one.name)):
        yield f"## `{recipe.name}`\n\n{recipe.description}"
        lines = [stage_row(number, stage) for number, stage in enumerate(recipe.stages)]
        heads = [
            "| stage | steps | patch | batch | loss | optimizer | schedule | more |",
            "|---|---|---|---|---|---|---|---|",
        ]
        yield "\n".join([*heads, *lines])
        if recipe.source is not None:
            yield f"Team {recipe.source.team}, {recipe.source.report}. It states:\n\n" + listed(recipe.reported)
            yield "Left open: " + "; ".join(left_open(one) for one in recipe.assumed) + "."


def stage_row(number: int, stage: Any) -> str:
    document = stage.model_dump(mode="json", exclude_defaults=True)
    plain = [f"{document.pop('steps'):,}", document.pop("patch"), document.pop("batch")]
    parts = [inline(document.pop(name)) for name in ("loss", "optimizer", "schedule")]
    return "| " + " | ".join(map(str, [number, *plain, *parts, inline(document)])) + " |"


def inline(value: Any) -> str:
    """A value in one line, its kind first, without the quotes and braces of its outermost level."""
    if not isinstance(value, dict):
        return cell("; ".join(map(inline, value)) if isinstance(value, list) else str(value))
    named = [
        f"{key} ({inline(one)})" if isinstance(one, dict) else f"{key} {inline(one)}" for key, one in value.items()
    ]
    kind = [part.removeprefix("kind ") for part in named if part.startswith("kind ")]
    return ", ".join(kind + [part for part in named if not part.startswith("kind ")])


def left_open(entry: str) -> str:
    place, _, words = entry.partition(": ")
    return f"`{place}`" + (f" ({words})" if words else "")


def listed(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {one}" for one in sentences)


def routes() -> Iterator[str]:
    """Every route of the service."""
    from api.app import create_app

    with TemporaryDirectory() as folder:
        document = create_app(f"sqlite:///{folder}/reference.db").openapi()
    yield "# Routes\n\nThe OpenAPI description of a running service is at `/docs` and `/openapi.json`."
    yield "Errors are RFC 9457 problem documents."
    for path, methods in sorted(document["paths"].items()):
        for method, route in methods.items():
            yield from one_route(f"{method.upper()} {path}", route)


def one_route(title: str, route: dict[str, Any]) -> Iterator[str]:
    yield f"## `{title}`\n\n{route.get('description') or route.get('summary', '')}"
    parameters = [parameter(one) for one in route.get("parameters", [])]
    if parameters:
        yield "\n".join(["| parameter | where | required | what |", "|---|---|---|---|", *parameters])
    answers = sorted((code, answer["description"].rstrip(".")) for code, answer in route["responses"].items())
    yield "Answers: " + ", ".join(f"{code} ({words})" for code, words in answers) + "."


def parameter(one: dict[str, Any]) -> str:
    required = "yes" if one.get("required") else "no"
    return f"| `{one['name']}` | {one['in']} | {required} | {cell(one.get('description', ''))} |"


def commands() -> Iterator[str]:
    """Every command with its arguments and options."""
    import typer

    from nas.cli import app

    yield "# Commands\n\nExit status: 0 done, 1 failed, 2 the request was wrong (one sentence on stderr says how)."
    yield "`--json` prints one JSON document on stdout and nothing else; words and progress go to stderr."
    yield from one_command(typer.main.get_command(app), "nas")


def one_command(command: Any, name: str) -> Iterator[str]:
    members = getattr(command, "commands", None)
    if members is not None:
        for member, sub in members.items():
            yield from one_command(sub, f"{name} {member}")
        return
    usage = " ".join([name, *(metavar(one) for one in command.params if one.param_type_name == "argument")])
    yield f"## `{usage}`\n\n{inspect.cleandoc(command.help or '')}"
    lines = [option(one) for one in command.params if one.param_type_name == "option"]
    if lines:
        yield "\n".join(["| option | default | what |", "|---|---|---|", *lines])


def metavar(argument: Any) -> str:
    name = (argument.metavar or argument.name.upper()).strip("[].")
    name += "..." if argument.nargs == -1 else ""
    return name if argument.required else f"[{name}]"


def option(one: Any) -> str:
    shown = one.show_default if isinstance(one.show_default, str) else one.default
    silent = one.is_flag or callable(shown) or shown in (None, "", [])
    text = "required" if one.required else "" if silent else f"`{shown}`"
    return f"| `{', '.join(one.opts)}` | {text} | {cell(one.help or '')} |"


def decisions() -> Iterator[str]:
    """The decision records, by number."""
    yield "# Decision records\n\nOne page each: context, decision, consequences, alternatives."
    pages = sorted((DOCS / "adr").glob("[0-9]*.md"))
    yield "\n".join(f"- [{title(page)}]({page.name})" for page in pages)


def title(page: Path) -> str:
    return re.sub(r"^#\s*", "", page.read_text().splitlines()[0])


def space_pages() -> dict[str, Callable[[], Iterator[str]]]:
    """A page for every ready-made space."""
    names = sorted(path.stem for path in (DOCS.parent / "search_spaces" / "spaces").glob("*.yaml"))
    return {f"reference/spaces/{name}.md": partial(one_space, name) for name in names}


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "reference/ops.md": ops,
    "reference/spaces.md": spaces,
    **space_pages(),
    "reference/recipes.md": recipes,
    "reference/routes.md": routes,
    "reference/commands.md": commands,
    "adr/README.md": decisions,
}


def written(name: str) -> str:
    """The text that page ``name`` must have."""
    return "\n\n".join([NOTE, *PAGES[name]()]) + "\n"


def main(arguments: list[str]) -> int:
    stale = [name for name in PAGES if not (DOCS / name).is_file() or (DOCS / name).read_text() != written(name)]
    if "--check" in arguments:
        for name in stale:
            print(f"docs/{name} is out of date. Run make docs.", file=sys.stderr)
        return 1 if stale else 0
    for name in stale:
        (DOCS / name).parent.mkdir(exist_ok=True)
        (DOCS / name).write_text(written(name))
        print(f"docs/{name} written.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
