"""What every op states about itself: fields, output shape and closed-form cost, without torch."""

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache, lru_cache
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

from nas.ops.fields import FieldError, OneOp, Spec, specs
from nas.registry import Registry


class Shape(NamedTuple):
    """A feature map: channels, height and width in pixels."""

    channels: int
    height: int
    width: int

    @property
    def pixels(self) -> int:
        """Pixels of one channel."""
        return self.height * self.width


@dataclass(frozen=True, slots=True)
class Cost:
    """What one forward pass of the deployed form costs, counted by fvcore's rules."""

    params: int = 0
    """Parameters of the deployed form."""
    flops: int = 0
    """Multiply-accumulates, counted once, as the challenge counts them."""
    activations: int = 0
    """Elements written by convolutions, linear layers and matrix products."""
    convs: int = 0
    """Convolutions of one forward pass; those that share weights count each time they run."""
    training_params: int = 0
    """Parameters of the training form."""

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.params + other.params,
            self.flops + other.flops,
            self.activations + other.activations,
            self.convs + other.convs,
            self.training_params + other.training_params,
        )

    @classmethod
    def total(cls, costs: Sequence["Cost"]) -> "Cost":
        """Return the sum of many costs."""
        return cls(
            sum(cost.params for cost in costs),
            sum(cost.flops for cost in costs),
            sum(cost.activations for cost in costs),
            sum(cost.convs for cost in costs),
            sum(cost.training_params for cost in costs),
        )

    def without_params(self) -> "Cost":
        """Return what running the same weights once more costs."""
        return Cost(0, self.flops, self.activations, self.convs, 0)


ZERO = Cost()


@dataclass(frozen=True, kw_only=True)
class Op:
    """One kind of step. Instances are values: equal fields, equal ops.

    A subclass is a frozen dataclass whose fields are made by ``declare``. ``bind`` fills what depends on where the op
    stands; ``channels``, ``shape`` and ``cost`` are asked of bound ops only.
    """

    name: ClassVar[str] = ""
    """The word that documents use."""
    kind: ClassVar[str] = ""
    """conv, activation, attention, block, fusion, skip, upsampler, norm, training."""
    arity: ClassVar[tuple[int, int]] = (1, 1)
    """Least and most number of inputs."""
    one_size: ClassVar[bool] = True
    """Whether all inputs have one height and width."""
    source: ClassVar[str] = ""
    """The paper or report that describes it."""

    def __getstate__(self) -> dict[str, Any]:
        """Leave the remembered hash behind: text hashes otherwise in another process."""
        return {name: value for name, value in self.__dict__.items() if name != "_hash"}

    def taps(self) -> tuple[str, ...]:
        """Names of the intermediate features that references may use."""
        return ()

    def bind(self, widths: tuple[int, ...], width: int) -> Self:  # noqa: ARG002
        """Return the op with its context-dependent fields filled and its inputs checked.

        Args:
            widths: Channels of each input.
            width: The nearest ``width``, for ops that set their output's channels.

        Raises:
            FieldError: The fields do not fit the inputs.
        """
        return self

    def channels_out(self, widths: tuple[int, ...]) -> int:
        """Channels of the result (and of every tap)."""
        return widths[0]

    def shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """Shape of the result."""
        return Shape(self.channels_out(tuple(item.channels for item in inputs)), inputs[0].height, inputs[0].width)

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:  # noqa: ARG002
        """Cost of one forward pass on inputs of these shapes."""
        return ZERO

    @classmethod
    @cache
    def specs(cls) -> dict[str, Spec]:
        """The op's fields by name, in order of declaration."""
        return dict(specs(cls))

    @classmethod
    @cache
    def defaults(cls) -> dict[str, Any]:
        """The literal defaults of those fields that have one."""
        return {item.name: item.default for item in fields(cls) if item.default is not MISSING}

    @classmethod
    @cache
    def required(cls) -> tuple[str, ...]:
        """The fields that have no default, in order of declaration."""
        return tuple(name for name in cls.specs() if name not in cls.defaults())

    def to_dict(self, *, deployed: bool = False) -> dict[str, Any]:
        """Return the op as canonical plain data.

        Literal defaults are left out, context-dependent fields (``width``) are written once bound, and fields that only
        training knows are dropped when ``deployed``.
        """
        result: dict[str, Any] = {"op": self.name}
        for name, spec in self.specs().items():
            value = getattr(self, name)
            if (spec.training and deployed) or (spec.context and value is None):
                continue
            plain = self.field_plain(name, value, deployed=deployed)
            default = self.defaults().get(name, MISSING)
            if spec.context or default is MISSING or plain != self.field_plain(name, default, deployed=deployed):
                result[name] = plain
        return result

    @classmethod
    def field_plain(cls, name: str, value: Any, *, deployed: bool = False) -> Any:
        """Return the value of a field as canonical plain data."""
        return _plain(cls.specs()[name], _collapsed(value), deployed)


def _collapsed(value: Any) -> Any:
    """A list of equal ops says no more than one of them."""
    if isinstance(value, tuple) and value and isinstance(value[0], Op) and all(item == value[0] for item in value):
        return value[:1]
    return value


def _plain(spec: Spec, value: Any, deployed: bool) -> Any:
    if not isinstance(spec, OneOp):
        return spec.plain(value)
    if isinstance(value, tuple):
        items = [_short(item.to_dict(deployed=deployed)) for item in value]
        return items[0] if all(item == items[0] for item in items) else items
    return _short(value.to_dict(deployed=deployed))


def _short(document: dict[str, Any]) -> dict[str, Any] | str:
    """An op without fields is written as its bare name."""
    return document["op"] if len(document) == 1 else document


OpType = TypeVar("OpType", bound=Op)


def spread(ops: tuple[OpType, ...], count: int, field_name: str) -> tuple[OpType, ...]:
    """Return one op for each of ``count`` places: a single op stands for all of them."""
    if len(ops) == 1:
        return ops * count
    if len(ops) != count:
        raise FieldError(field_name, f"{field_name} takes one op or {count}, one for each convolution; got {len(ops)}")
    return ops


REGISTRY: Registry[type[Op]] = Registry("op")


def register(cls: type[OpType]) -> type[OpType]:
    """Make an op known to the language under its ``name``."""
    REGISTRY.add(cls.name, cls)
    _remember_hash(cls)
    return cls


def _remember_hash(cls: type[Op]) -> None:
    """Let instances hash themselves once: an op nests ops, and every memo below asks for its hash."""
    compute = cls.__hash__

    def __hash__(self: Op) -> int:  # noqa: N807
        known: int | None = self.__dict__.get("_hash")
        if known is None:
            known = compute(self)
            object.__setattr__(self, "_hash", known)
        return known

    cls.__hash__ = __hash__  # type: ignore[method-assign, assignment]


MOST_REMEMBERED = 65_536


@lru_cache(MOST_REMEMBERED)
def outcome(op: Op, inputs: tuple[Shape, ...]) -> tuple[Shape, Cost]:
    """Return ``op.shape(inputs)`` and ``op.cost(inputs)``, remembered: architectures of one space share most nodes.

    Raises:
        FieldError: The inputs are too small for the op.
    """
    return op.shape(inputs), op.cost(inputs)


@lru_cache(MOST_REMEMBERED)
def bound(op: Op, widths: tuple[int, ...], width: int) -> Op:
    """Return ``op.bind(widths, width)``, remembered.

    Raises:
        FieldError: The fields do not fit the inputs.
    """
    return op.bind(widths, width)
