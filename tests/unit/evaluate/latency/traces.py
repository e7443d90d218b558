"""Timings of one network each, in milliseconds: recorded, or constructed after what was observed where it says so."""

QUIET = [
    4.161, 4.092, 4.086, 4.111, 4.039, 4.123, 4.072, 4.141, 4.078, 4.099, 4.12, 4.118, 4.094, 4.066, 4.069,
    4.049, 4.0, 4.106, 4.084, 4.117, 4.084, 4.133, 4.164, 4.077, 4.149, 4.09, 3.993, 4.108, 4.017, 4.087, 4.095,
    4.121, 4.041, 3.964, 3.958, 4.1, 4.133, 4.332, 4.197, 4.399,
]  # fmt: skip
"""Recorded while nothing else ran."""

OUTLIERS = [
    3.874, 3.988, 3.946, 3.941, 3.872, 3.463, 3.897, 3.991, 3.952, 3.885, 3.99, 3.888, 3.938, 3.779, 3.938,
    3.987, 3.794, 3.419, 3.91, 5.954, 4.024, 3.904, 4.016, 3.943, 3.894, 4.005, 3.958, 3.966, 3.971, 4.005,
    3.967, 3.845, 3.498, 3.971, 3.946, 4.015, 3.914, 4.409, 4.135, 4.197,
]  # fmt: skip
"""Recorded; single samples are disturbed in both directions."""

DRIFT = [
    5.84, 4.56, 5.21, 5.0, 5.95, 6.92, 5.36, 5.33, 5.22, 5.28, 5.62, 4.81, 5.19, 6.13, 4.43, 5.77, 5.22, 5.23,
    5.6, 4.5, 8.86, 10.6, 26.04, 13.83, 22.17, 23.18, 19.66, 13.03, 12.63, 16.79, 26.42, 13.37, 22.92, 14.04,
    19.37, 21.22, 14.16, 23.81, 19.81, 21.97,
]  # fmt: skip
"""Recorded; two other processes start to compute at the middle."""

BIMODAL = [
    6.2, 6.25, 5.44, 12.5, 9.81, 11.6, 5.75, 6.17, 5.61, 6.13, 5.64, 11.51, 10.76, 12.8, 5.7, 6.21, 5.57, 6.05,
    5.4, 10.52, 9.14, 12.84, 5.63, 6.27, 5.47, 6.2, 5.51, 10.42, 10.11, 11.01, 5.5, 6.01, 5.3, 6.16, 5.35, 9.43,
    8.63, 11.33, 8.89, 6.38,
]  # fmt: skip
"""Recorded; another process computes for 30 ms, rests for 30 ms, and so on."""

TEN_RUNS = [26.62, 22.18, 22.05, 22.31, 22.4, 21.94, 22.2, 22.09, 22.43, 22.13]
"""Constructed after a pattern that was observed: ten runs without warm-up, the first 20 % slow, the others with a
deviation of 0.8 %."""

COLD_START = [19.17, 13.81, 13.24, 12.44, 12.05, 11.58, 12.12, 12.2, 11.36, 11.48]
"""Recorded: EFDN's ten first runs in one process, each the mean of 8 passes at 32x32 pixels on one thread. The most
pronounced of three such series: in the other two the first run was 1 % and 13 % slower than the second."""

THROTTLED = [
    (4.10, 1755), (4.11, 1755), (4.09, 1755), (4.10, 1740), (4.12, 1755), (4.10, 1755), (4.87, 1470), (5.02,
    1425), (4.88, 1470), (4.11, 1755), (4.10, 1755), (4.13, 1740), (4.10, 1755), (4.09, 1755), (4.12, 1755),
]  # fmt: skip
"""Constructed, not recorded: timings beside the clock in MHz after each; a thermal limit for three of them."""
