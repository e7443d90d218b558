"""Predicts latency from what was measured before, to order and to sift candidates; never as a result."""

from nas.evaluate.latency.predictor.model import LEAST_ROWS, NoPredictionError, Prediction, Predictor, Worth

__all__ = ["LEAST_ROWS", "NoPredictionError", "Prediction", "Predictor", "Worth"]
