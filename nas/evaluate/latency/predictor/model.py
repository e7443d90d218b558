"""A regressor from the costs of a tree to its latency ratio, and what cross-validation says that it is worth."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor, VotingRegressor
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nas.errors import MeasurementError
from nas.evaluate.latency.predictor.features import features, groups
from nas.language import Architecture

LEAST_ROWS = 30
"""Networks that have to be measured with one setup before any other one of it is predicted."""

FOLDS = 5
COVERAGE = 0.95
"""Share of the networks left out in cross-validation whose ratio lies in their predicted interval."""

FLOPS = "total.flops"
BEYOND = 2.0
"""A network with this many times the most (or this part of the least) FLOPs that were measured is not predicted."""

Array = NDArray[np.float64]


class NoPredictionError(MeasurementError):
    """What was measured so far says too little about the network in question."""


@dataclass(frozen=True)
class Worth:
    """What a predictor is worth, by networks that it had not seen (cross-validation in ``FOLDS`` parts)."""

    rows: int
    """Measured networks that it learned from."""
    mape: float
    """Mean absolute error of the ratio, as a share of the measured one."""
    spearman: float
    """Rank correlation of predicted and measured ratios."""
    flops_mape: float
    """The same error of a straight line through log FLOPs, which has to be beaten."""
    flops_spearman: float
    margin: float
    """Half width of the predicted interval, in the logarithm of the ratio."""
    coverage: float = COVERAGE
    """What that interval is worth."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Prediction:
    """A predicted ratio to the baseline's latency. It orders and sifts; it is never a result."""

    ratio: float
    low: float
    high: float


class Predictor:
    """Learned from measurements of one setup: device, protocol, precision, engine, threads, software.

    Args:
        names: The features, in the order of columns.
        model: A fitted regressor of log ratios.
        worth: By cross-validation.
        seen: Which ops were measured, and the range of log FLOPs.
    """

    def __init__(
        self, names: Sequence[str], model: Any, worth: Worth, seen: tuple[frozenset[str], tuple[float, float]]
    ) -> None:
        self._names, self._model, self.worth = names, model, worth
        self._ops, self._range = seen

    @classmethod
    def fit(cls, measured: Sequence[tuple[Architecture, float]]) -> Self:
        """Learn from networks and their measured ratios, each network once; their order decides nothing but folds.

        Raises:
            NoPredictionError: There are fewer than ``LEAST_ROWS``, or FLOPs alone predict the ratio as well.
        """
        if len(measured) < LEAST_ROWS:
            raise NoPredictionError(
                f"A latency predictor needs {LEAST_ROWS} networks measured with this very setup; "
                f"the store holds {len(measured)}. Measure more of them, or search."
            )
        rows = [features(architecture) for architecture, _ in measured]
        names = sorted({name for row in rows for name in row})
        table, logs = _table(rows, names), np.log([ratio for _, ratio in measured])
        worth = _worth(table, names, logs)
        if worth.mape >= worth.flops_mape or worth.spearman < worth.flops_spearman:
            raise NoPredictionError(
                f"No latency predictor: on {worth.rows} measured networks its error is {worth.mape:.1%} with a rank "
                f"correlation of {worth.spearman:.2f}, where FLOPs alone reach {worth.flops_mape:.1%} and "
                f"{worth.flops_spearman:.2f}. Measure more networks."
            )
        counted = [row[FLOPS] for row in rows]
        seen = frozenset[str]().union(*map(groups, rows)), (min(counted), max(counted))
        return cls(names, _regressor(names).fit(table, logs), worth, seen)

    def predict(self, architecture: Architecture) -> Prediction:
        """Predict the ratio of a network that is like those that were measured.

        Raises:
            NoPredictionError: It holds an op that none of them holds, or is far larger or smaller than all of them.
        """
        row = features(architecture)
        if strange := sorted(groups(row) - self._ops):
            raise NoPredictionError(f"No network with {strange[0]} was measured with this setup.")
        low, high = self._range
        if not low - math.log(BEYOND) <= row[FLOPS] <= high + math.log(BEYOND):
            raise NoPredictionError("It is far larger or smaller than every network measured with this setup.")
        found = float(self._model.predict(_table([row], self._names))[0])
        margin = self.worth.margin
        return Prediction(math.exp(found), math.exp(found - margin), math.exp(found + margin))


def _table(rows: Sequence[dict[str, float]], names: Sequence[str]) -> Array:
    return np.array([[row.get(name, 0.0) for name in names] for row in rows])


def _regressor(names: Sequence[str]) -> Any:
    """A line through the totals, which carries on beyond what was seen, and trees that know ops; the mean of both."""
    trees = GradientBoostingRegressor(
        n_estimators=200, learning_rate=0.05, max_depth=3, subsample=0.7, max_features=0.3, random_state=0
    )
    totals = [index for index, name in enumerate(names) if name.startswith("total.")]
    line = make_pipeline(ColumnTransformer([("totals", StandardScaler(), totals)]), RidgeCV(np.logspace(-3, 2, 12)))
    return VotingRegressor([("line", line), ("trees", trees)])


def _worth(table: Array, names: Sequence[str], logs: Array) -> Worth:
    flops = table[:, [names.index(FLOPS)]]
    left_out = KFold(FOLDS, shuffle=True, random_state=0)
    mine = cross_val_predict(_regressor(names), table, logs, cv=left_out)
    theirs = cross_val_predict(LinearRegression(), flops, logs, cv=left_out)
    return Worth(
        rows=len(logs),
        mape=_mape(mine, logs),
        spearman=_rank_correlation(mine, logs),
        flops_mape=_mape(theirs, logs),
        flops_spearman=_rank_correlation(theirs, logs),
        margin=_margin(mine, logs),
    )


def _mape(predicted: Array, logs: Array) -> float:
    return float(np.mean(np.abs(np.expm1(predicted - logs))))


def _rank_correlation(predicted: Array, logs: Array) -> float:
    """Spearman's; of constant values it is undefined, and they order nothing."""
    if np.ptp(predicted) == 0 or np.ptp(logs) == 0:
        return 0.0
    return float(np.corrcoef(_ranks(predicted), _ranks(logs))[0, 1])


def _ranks(values: Array) -> Array:
    """Ranks from 1, equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Array = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return ranks


def _margin(predicted: Array, logs: Array) -> float:
    """The residual that ``COVERAGE`` of networks like these keep within.

    Source: Barber, Candes, Ramdas, Tibshirani, Predictive inference with the jackknife+, 2021 (CV+, folds pooled).
    """
    residuals = np.sort(np.abs(predicted - logs))
    rank = math.ceil((len(residuals) + 1) * COVERAGE)
    return float(residuals[min(rank, len(residuals)) - 1])
