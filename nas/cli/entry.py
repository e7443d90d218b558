"""Assembles the commands and turns every error into one sentence and an exit status."""

import os
import signal
import sys

import typer

from nas.cli import (
    cost,
    data,
    evaluate,
    export,
    fidelity,
    front,
    keys,
    measure,
    predict,
    recipes,
    score,
    search,
    serve,
    spaces,
    systems,
    train,
    upscale,
    watch,
)
from nas.cli.output import say
from nas.cli.processes import interrupt
from nas.errors import NasError

app = typer.Typer(
    name="nas",
    help="Hardware-aware neural architecture search for efficient super-resolution.",
    no_args_is_help=True,
    context_settings={"max_content_width": 120},
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.add_typer(spaces.commands, name="spaces")
app.add_typer(systems.commands, name="systems")
app.add_typer(recipes.commands, name="recipes")
for module in (cost, score, measure, predict, train, evaluate, upscale, search, watch, front, fidelity, export, serve):
    app.add_typer(module.commands)
app.add_typer(data.commands, name="data")
app.add_typer(keys.commands, name="keys")

UsageError = typer.BadParameter.__mro__[1]
"""Base of every mistake in the arguments; Typer hands it out only through this subclass."""

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells give it."""


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 failed, 2 the request was wrong."""
    # Ended in order like by Ctrl-C, so that no process stays behind which the command started.
    signal.signal(signal.SIGTERM, interrupt)
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status; errors become a sentence on stderr."""
    # Before torch is imported: its threads would spin while they wait, and a busy neighbour make every step crawl.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        status = int(app(arguments, prog_name="nas", standalone_mode=False) or 0)
    except NasError as error:
        return fail(str(error), 2 if error.wrong_request else 1)
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - the interpreter still flushes it at exit
        return 1
    except Exception as error:  # noqa: BLE001 - a user never meets a traceback
        if isinstance(error, UsageError):
            return fail(sentence(error), 2)
        return unexpected(error)
    # Typer takes Ctrl-C itself, and answers it with nothing but this status.
    return fail("Interrupted.", INTERRUPTED) if status == INTERRUPTED else status


def sentence(error: Exception) -> str:
    """What is wrong with the arguments, and where to read about them."""
    text: str = error.format_message() if hasattr(error, "format_message") else str(error)
    text = text.replace("Value error, ", "")  # pydantic's, which the sentence does without
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "nas"
    return text if "\n" in text.strip() else f"{text.rstrip('.')}. See: {command} --help"


def unexpected(error: Exception) -> int:
    """Report a failure that no command foresaw, without a traceback unless one is asked for."""
    if os.environ.get("NAS_TRACEBACK"):
        raise error
    kind = type(error).__name__
    text = " ".join(str(error).split())
    if isinstance(error, OSError):
        return fail(f"{told(error)}.", 1)
    return fail(f"Unexpected {kind}: {text or 'no words'}. Set NAS_TRACEBACK=1 to see where.", 1)


def told(error: OSError) -> str:
    """What the system says of a file or an address, without its number for it."""
    words = error.strerror or " ".join(str(error).split())
    return f"{error.filename}: {words}" if error.filename else words


def fail(text: str, status: int) -> int:
    """Say ``text`` on stderr and return ``status``."""
    say(text.strip())
    return status
