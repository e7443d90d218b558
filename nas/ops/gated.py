"""Feed-forward blocks whose hidden feature is a product of two."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from nas.ops import counts
from nas.ops.activation import Activation, Gelu
from nas.ops.base import Cost, Op, Shape, register
from nas.ops.conv import POINT_TRAIN, Convolution, point
from nas.ops.fields import FieldError, Flag, Kernel, Many, OneOf, OneOp, Real, declare, portion, whole, within
from nas.ops.training import Plain, TrainingForm

LONGEST = 31


@dataclass(frozen=True)
class AnyKernel(Kernel):
    """A window whose sides may be even; then there is one more row or column of padding behind than before."""

    def parse(self, value: object) -> tuple[int, int]:
        sides = value if isinstance(value, Sequence) and not isinstance(value, str) else (value, value)
        numbers = tuple(whole(side) for side in sides)
        if len(numbers) != 2 or not all(1 <= number <= LONGEST for number in numbers):
            raise ValueError(f"takes a side from 1 to {LONGEST} or [height, width], got {value!r}")
        return numbers[0], numbers[1]

    def domain(self) -> str:
        return f"side from 1 to {LONGEST}, or [height, width]"


@register
@dataclass(frozen=True, kw_only=True)
class GatedFfn(Op):
    """A gated feed-forward block: 1x1 to twice the hidden width, depthwise windows, one half gates the other, 1x1 back.

    Shapes:
        x: (B, C, H, W)
        returns: (B, C, H, W)
    """

    name: ClassVar[str] = "gated_ffn"
    kind: ClassVar[str] = "block"
    source: ClassVar[str] = "Zamir et al., Restormer, 2021. https://arxiv.org/abs/2111.09881"

    ratio: float = declare(Real("Hidden channels, as a part of those coming in.", low=0.01, high=16), default=2.0)
    windows: tuple[tuple[int, int], ...] = declare(
        Many("Depthwise windows on the doubled hidden feature, in order.", of=AnyKernel(""), most=4),
        default=((3, 3),),
    )
    gates: str = declare(
        OneOf(
            "What is activated: the first half, or the inner two quarters, which gate the outer two.",
            options=("first", "inner"),
        ),
        default="first",
    )
    activation: Activation = declare(OneOp("Of the gates.", kinds=("activation",)), default=Gelu())
    bias: bool = declare(Flag("Whether its convolutions add a bias."), default=False)
    counted: bool = declare(counts.COUNTED, default=True)
    point_train: TrainingForm = declare(POINT_TRAIN, default=Plain())

    def bind(self, widths: tuple[int, ...], width: int) -> Self:
        hidden = self.hidden(widths[0])
        if self.gates == "inner" and hidden % 2:
            raise FieldError("gates", f"inner halves the hidden channels, and {hidden} is odd; use first")
        with within("activation"):
            self.activation.bind((hidden,), width)
        self.parts(widths[0])
        return self

    def hidden(self, channels: int) -> int:
        """Channels of the gated feature."""
        return portion(channels, self.ratio)

    def parts(self, channels: int) -> tuple[Convolution, Convolution]:
        """Return its 1x1 convolutions, bound."""
        hidden, options = self.hidden(channels), {"bias": self.bias, "train": self.point_train}
        return point(channels, 2 * hidden, **options), point(hidden, channels, **options)  # type: ignore[arg-type]

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x,) = inputs
        expand, reduce = self.parts(x.channels)
        gated = x._replace(channels=self.hidden(x.channels))
        total = expand.cost(inputs) + self.activation.cost((gated,)) + reduce.cost((gated,))
        wide = gated._replace(channels=2 * gated.channels)
        for window in self.windows:
            total += counts.depthwise(wide, window, bias=self.bias, counted=self.counted)
        return total
