"""``nas recipes``: how networks are trained, ready-made and as teams published it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.options import Json
from nas.cli.output import columns, emit, rows

if TYPE_CHECKING:
    from nas.evaluate.quality.recipes import Recipe

commands = typer.Typer(
    help="Recipes for training: ready-made ones and those of published systems.", no_args_is_help=True
)
Name = Annotated[str, typer.Argument(help="Name of the recipe.")]


@commands.command("list")
def list_recipes(as_json: Json = False) -> None:
    """List the ready-made recipes, those of published systems with their teams."""
    from nas.evaluate.quality.recipes import load_recipe, ready_made

    documents = [described(load_recipe(name)) for name in ready_made()]
    values = [(one["name"], one["team"], one["description"], one["stages"], f"{one['steps']:,}") for one in documents]
    table = columns("recipe", "team", "what it does", "stages", "steps", left=3)
    emit(documents, as_json=as_json, table=lambda: rows(table, values))


@commands.command("show")
def show(name: Name, as_json: Json = False) -> None:
    """Print a recipe: its file, or the checked document with everything that it leaves at its default."""
    from nas.evaluate.quality.recipes import load_recipe, recipe_text

    recipe = load_recipe(name)
    text = recipe_text(recipe.name)
    emit({**recipe.model_dump(mode="json"), "hash": recipe.hash}, as_json=as_json, table=text.rstrip)


def described(recipe: "Recipe") -> dict[str, Any]:
    """What lists say of a recipe."""
    return {
        "name": recipe.name,
        "team": None if recipe.source is None else recipe.source.team,
        "description": recipe.description,
        "stages": len(recipe.stages),
        "steps": recipe.steps,
        "rungs": list(recipe.rungs),
        "teachers": sorted(recipe.teachers),
    }
