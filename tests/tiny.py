"""A recipe that is over at once, for tests of what is around a training."""

RECIPE = """
name: tiny
rungs: [2, 4]
stages:
  - {steps: 4, patch: 16, batch: 2, loss: {l1: 1.0}, optimizer: {kind: adam, lr: 1e-3}, schedule: {kind: constant}}
"""
