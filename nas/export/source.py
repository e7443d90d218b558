"""The text of an exported ``model.py``."""

import builtins
import sys

from nas.export import running
from nas.export.body import INLINE, Body, body
from nas.export.lifting import Lifted, lift
from nas.export.naming import class_name, title
from nas.language import Architecture
from nas.networks import steps
from nas.networks.padding import padded

MAIN = '''def load(weights: str | Path | None = None) -> nn.Module:
    """Return the network with its weights, by default those beside this file, ready to be used."""
    from safetensors.torch import load_file

    network = NETWORK()
    network.load_state_dict(load_file(weights or Path(__file__).with_name("weights.safetensors")))
    return network.eval()


def main() -> None:
    """Enlarge the picture that the command line names."""
    if len(sys.argv) != 3:
        sys.exit("Usage: python model.py IMAGE OUT")
    source, target = (Path(name) for name in sys.argv[1:])
    network = load().to("cuda" if torch.cuda.is_available() else "cpu")
    enlarge_file(network, source, target, SCALE)


if __name__ == "__main__":
    main()
'''

ALWAYS = {("sys", ""), ("pathlib", "Path"), ("torch", ""), ("torch", "Tensor"), ("torch", "nn")}
"""What the written parts import."""


def model_source(arch: Architecture) -> str:
    """Return the text of ``model.py``: imports, lifted modules, the network with its numbers, and how to run it."""
    graph, written = arch.graph, body(arch.graph)
    classes = [cls for step in steps(graph) if step.call.cls not in INLINE for cls in step.call.classes()]
    padding = [padded] if graph.input.pad is not None else []
    lifted = lift([*classes, *padding, running.enlarge_file])
    imported = lifted.imports | ALWAYS
    taken = {"SCALE", *lifted.definitions, *dir(builtins), *(name or module for module, name in imported)}
    name = class_name(arch.name, taken)
    parts = [
        f"{docstring(arch)}\n\n{imports(lifted)}\n\nSCALE = {arch.scale}",
        *lifted.definitions.values(),
        *written.factories,
        network_class(name, arch, written),
        MAIN.replace("NETWORK", name).rstrip(),
    ]
    return "\n\n\n".join(parts) + "\n"


def docstring(arch: Architecture) -> str:
    """Return what stands at the head of the file."""
    cost = arch.graph.cost(256, 256)
    return (
        f'"""{title(arch.name)}: enlarges images {arch.scale} times.\n\n'
        f"{cost.params:,} parameters, {cost.flops / 1e9:.2f} G multiply-accumulates for an image of 256 x 256.\n"
        f'Architecture {arch.hash}.\n\n    python model.py IMAGE OUT\n"""'
    )


def imports(lifted: Lifted) -> str:
    """Return the import statements, sorted: the standard library, then others."""
    standard: list[tuple[int, str, str]] = []
    others: list[tuple[int, str, str]] = []
    wanted = lifted.imports | ALWAYS
    for module in sorted({module for module, _ in wanted}):
        group = standard if module.split(".")[0] in sys.stdlib_module_names else others
        names = sorted({name for origin, name in wanted if origin == module and name}, key=_order)
        if (module, "") in wanted:
            group.append((0, module, f"import {module}"))
        if names:
            group.append((1, module, f"from {module} import {', '.join(names)}"))
    return "\n\n".join("\n".join(line for *_, line in sorted(group)) for group in (standard, others) if group)


def _order(name: str) -> tuple[int, str]:
    """Constants first, then classes, then the rest, as import sorters have it."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def network_class(name: str, arch: Architecture, written: Body) -> str:
    """Return the class of the network."""
    scale = arch.scale
    head = [
        f"class {name}(nn.Module):",
        f'    """{title(arch.name)}.',
        "",
        "    Shapes:",
        "        image: (B, 3, H, W) in [0, 1]",
        f"        returns: (B, 3, {scale} * H, {scale} * W)",
        '    """',
        "",
        "    def __init__(self) -> None:",
        "        super().__init__()",
    ]
    between = ["", "    def forward(self, image: Tensor) -> Tensor:", f'        """Enlarge images {scale} times."""']
    return "\n".join([*head, *written.constructor, *between, *written.forward])
