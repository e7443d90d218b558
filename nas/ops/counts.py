"""What the elementary layers inside larger ops cost, by fvcore's rules."""

from dataclasses import replace

from nas.ops.base import Cost, Shape
from nas.ops.conv import Conv
from nas.ops.fields import Flag

COUNTED = Flag("Whether its depthwise convolutions have FLOPs; false: they are padded by name, which fvcore overlooks.")
"""A field of ops that some published networks pad by name."""


def conv(x: Shape, width: int, kernel: tuple[int, int] = (1, 1), *, groups: int = 1, bias: bool = True) -> Cost:
    """Cost of a convolution that keeps height and width."""
    made = Conv(width=width, kernel=kernel, groups=groups, bias=bias).bind((x.channels,), width)
    if all(side % 2 for side in kernel):
        return made.cost((x,))
    weights = width * (x.channels // groups) * kernel[0] * kernel[1]
    params = weights + (width if bias else 0)
    return Cost(params, weights * x.pixels, activations=width * x.pixels, convs=1, training_params=params)


def depthwise(x: Shape, kernel: tuple[int, int] = (3, 3), *, bias: bool = True, counted: bool = True) -> Cost:
    """Cost of a convolution of every channel by itself; one that is not ``counted`` has no FLOPs."""
    cost = conv(x, x.channels, kernel, groups=x.channels, bias=bias)
    return cost if counted else replace(cost, flops=0, activations=0)


def linear(tokens: int, channels: int, width: int, *, bias: bool = True) -> Cost:
    """Cost of a linear layer on every token."""
    params = channels * width + (width if bias else 0)
    return Cost(params, tokens * channels * width, activations=tokens * width, training_params=params)


def layer_norm(elements: int, channels: int) -> Cost:
    """Cost of the framework's layer norm with factors and offsets."""
    return Cost(params=2 * channels, flops=5 * elements, training_params=2 * channels)


def matmul(products: int, outputs: int) -> Cost:
    """Cost of a matrix product."""
    return Cost(flops=products, activations=outputs)


def einsum(products: int, outputs: int) -> Cost:
    """Cost of an einsum of two operands.

    fvcore halves the operations (a multiplication and an addition each) that NumPy prints, with four digits.
    """
    return Cost(flops=int(float(f"{2 * products:.3e}")) // 2, activations=outputs)


def learned(count: int) -> Cost:
    """Cost of ``count`` parameters of no layer."""
    return Cost(params=count, training_params=count)
