import json

from nas.search.records import Trial
from nas.search.rows import COLUMNS, from_row, to_row


def test_a_trial_is_the_same_after_its_row_was_text() -> None:
    trial = Trial(
        number=3,
        wave=1,
        assignment={"width": 16, "clamp": True, "slope": 0.1, "attention": "esa"},
        attributes={"trial": {"NSGAIISampler:generation": 2}, "study": {"NSGAIISampler:parent:2": [0, 1]}},
        state="complete",
        hash="a1:x",
        deployed_hash="a1:y",
        metrics={"params": 7, "psnr_db": 24.1},
        values={"psnr": 24.1},
        constraints={"params <= 9": -0.2},
        rungs=[23.0, 24.1],
        told=True,
    )
    row = to_row(trial)
    assert set(row) == set(COLUMNS)
    assert from_row(json.loads(json.dumps(row))) == trial
