"""``python -m nas.cli.demo``: search over REST, print the front, take the winner as code, check it."""

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from nas.cli.demo import winner
from nas.cli.demo.service import ServiceError, answer, events, every, exported, running
from nas.cli.entry import fail
from nas.cli.follow import Tally, tell
from nas.cli.front import board
from nas.cli.output import bar, say
from nas.cli.plot import draw
from nas.cli.processes import interrupt
from nas.errors import NasError
from nas.evaluate.quality.data import load

OUT = Path("demo")
REQUEST = {
    "name": "demo",
    "space": "demo",
    "data": "embedded",
    "recipe": "demo",
    "objectives": ["psnr", "score"],
    "sampler": "auto",
    "seed": 1,
}
TRIALS = 12
"""As many as two cores manage in five minutes, the export and the checks included."""
CLOSE = 1e-5
"""How far the exported file may be from the searched network, on [0, 1] images."""


def main() -> int:
    """Run the demo in ``demo/`` below the working folder and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m nas.cli.demo", description=__doc__)
    parser.add_argument("--trials", type=int, default=TRIALS, help="architectures to ask for")
    trials: int = parser.parse_args().trials
    began = time.monotonic()
    signal.signal(signal.SIGTERM, interrupt)
    OUT.mkdir(exist_ok=True)
    for stale in OUT.glob("demo.db*"):
        stale.unlink()
    database = f"sqlite:///{OUT / 'demo.db'}"
    try:
        with running(database, OUT / "service.log") as client:
            search(client, database, trials)
    except NasError as error:
        return fail(str(error), 1)
    except KeyboardInterrupt:
        return fail("Interrupted; the service is stopped.", 130)
    print(f"\nDone in {time.monotonic() - began:.0f} s; the service is stopped.")
    return 0


def search(client: httpx.Client, database: str, trials: int) -> None:
    """The demo proper, against a running service."""
    say(f"The service runs at {client.base_url}; look at it while it searches.")
    search_id = answer(client.post("/v1/searches", json={**REQUEST, "trials": trials}))["id"]
    follow(client, search_id, trials)
    ended = answer(client.get(f"/v1/searches/{search_id}"))
    if ended["status"] != "done":
        raise ServiceError(f"The search is {ended['status']}: {ended['error'] or 'see demo/service.log'}")
    front = answer(client.get(f"/v1/searches/{search_id}/front"))
    tried = [trial["metrics"] for trial in every(client, f"/v1/searches/{search_id}/trials")]
    show(front, answer(client.get(f"/v1/searches/{search_id}/leaderboard")), tried)
    draw(front, tried, OUT / "front.html")
    take(client, search_id, front, database)


def follow(client: httpx.Client, search_id: str, trials: int) -> None:
    """Show the progress of a search by its events, to its end."""
    tally = Tally()
    with bar("Searching", total=trials) as progress:
        for kind, payload in events(client, search_id):
            tell(progress, tally, kind, payload)


def show(front: dict[str, Any], leaderboard: dict[str, Any], tried: list[dict[str, Any]]) -> None:
    """Print the front beside the published systems, the gate, and the load that all of it was measured under."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    console.print(board(leaderboard))
    baseline, gate = front["baseline"], front["gate_psnr_db"]
    print(
        f"\nThe front: the {len(front['points'])} candidates above. Gate: {gate:.3f} dB, which is "
        f"{baseline['name']}'s {baseline['psnr_db']:.3f} dB after the same recipe, data and seed less the margin; "
        "one paired baseline seed."
    )
    print("PSNR here is after seconds of training, on two photographs; the published systems were only measured.")
    loads = [one["load"] for one in tried if "load" in one] or [os.getloadavg()[0]]
    print(f"Load (1-minute average) while measuring: {min(loads):.1f} to {max(loads):.1f} on {os.cpu_count()} cores.")


def take(client: httpx.Client, search_id: str, front: dict[str, Any], database: str) -> None:
    """Export the best network, compare the files with what was searched, and enlarge photographs with them."""
    if not any(point["eligible"] for point in front["points"]):
        print("No network of the front reaches the gate; the one with the best PSNR is exported.")
    files = winner.unpack(exported(client, search_id, "best"), OUT)
    chosen = chosen_point(front)
    images = load("embedded")
    difference = winner.largest_difference(winner.searched(database, chosen["hash"]), OUT, images)
    print(f"\nWritten: {', '.join(sorted(str(file) for file in [*files, OUT / 'front.html']))}")
    print(f"The exported file and the searched network differ by {difference:.1e} at most (allowed: {CLOSE:.0e}).")
    if difference > CLOSE:
        raise ServiceError("The exported file does not reproduce the searched network.")
    judge(images)


def chosen_point(front: dict[str, Any]) -> dict[str, Any]:
    """The point that was exported: of the eligible ones the best score, else the best PSNR."""
    eligible = [point for point in front["points"] if point["eligible"]]
    if eligible:
        return min(eligible, key=lambda point: float(point["score"]))
    return max(front["points"], key=lambda point: float(point["psnr_db"]))


def judge(images: Any) -> None:
    """Print the PSNR of the pictures that the exported file wrote, against bicubic."""
    found = winner.restored(OUT, images)
    for one in found:
        print(f"{one.name}: {one.psnr_db:.2f} dB, bicubic {one.bicubic_psnr_db:.2f} dB")
    ours, floor = (
        sum(values) / len(found) for values in zip(*((one.psnr_db, one.bicubic_psnr_db) for one in found), strict=True)
    )
    print(f"mean: {ours:.2f} dB against {floor:.2f} dB of bicubic ({ours - floor:+.2f} dB)")
    if ours <= floor:
        raise ServiceError("The winner does not beat bicubic.")


if __name__ == "__main__":
    sys.exit(main())
