import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from nas.store import Store, searches
from tests.seeding import Seeded, start_search


def read(text: str) -> list[dict[str, str]]:
    blocks = [block.splitlines() for block in text.replace("\r\n", "\n").split("\n\n")]
    events = [dict(line.split(": ", 1) for line in block if not line.startswith(":")) for block in blocks]
    return [event for event in events if "data" in event]


def test_all_events_of_an_ended_search_come_in_order_and_then_the_end(client: TestClient, seeded: Seeded) -> None:
    answer = client.get(f"/v1/searches/{seeded.search_id}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    *events, end = read(answer.text)
    assert [int(event["id"]) for event in events] == sorted(int(event["id"]) for event in events)
    assert [event["event"] for event in events[:3]] == ["status", "status", "baseline"]
    assert json.loads(events[-1]["data"])["status"] == "done"
    assert end["event"] == "end"
    assert "id" not in end


def test_a_stream_resumes_after_the_last_event_seen(client: TestClient, seeded: Seeded) -> None:
    everything = read(client.get(f"/v1/searches/{seeded.search_id}/events").text)
    headers = {"Last-Event-ID": everything[4]["id"]}
    assert read(client.get(f"/v1/searches/{seeded.search_id}/events", headers=headers).text) == everything[5:]


def test_a_search_says_from_where_to_follow_it(client: TestClient, seeded: Seeded) -> None:
    last = client.get(f"/v1/searches/{seeded.search_id}").json()["last_event"]
    answer = client.get(f"/v1/searches/{seeded.search_id}/events", headers={"Last-Event-ID": str(last)})
    assert [event["event"] for event in read(answer.text)] == ["end"]


@pytest.mark.parametrize("last", ["x", "-1"])
def test_a_last_event_that_is_none_is_refused(client: TestClient, seeded: Seeded, last: str) -> None:
    answer = client.get(f"/v1/searches/{seeded.search_id}/events", headers={"Last-Event-ID": last})
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "last-event-id")


def test_what_happens_while_somebody_listens_is_told(served: str, url: str) -> None:
    import httpx2 as httpx

    with Store(url) as store:
        claim = start_search(store)
        kinds: list[Any] = []
        with httpx.stream("GET", f"{served}/v1/searches/{claim.id}/events", timeout=120) as answer:
            for line in answer.iter_lines():
                if line.startswith("event: "):
                    kinds.append(line.removeprefix("event: "))
                    if len(kinds) == 2:
                        with store.session() as session:
                            searches.finish(session, claim, "cancelled")
    assert kinds == ["status", "status", "status", "end"]
