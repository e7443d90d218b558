import sys
from pathlib import Path
from subprocess import run

import sqlalchemy
from fastapi.testclient import TestClient

from tests.seeding import Seeded

HEAVY = ("torch", "ray", "optuna", "workers", "nas.search", "nas.networks", "nas.evaluate", "nas.export")


def test_the_process_answers(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_the_service_is_ready_when_the_tables_are_current(client: TestClient, url: str) -> None:
    assert client.get("/readyz").status_code == 200
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE alembic_version SET version_num = 'other'"))
    engine.dispose()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")


def test_figures_count_requests_searches_and_workers(client: TestClient, seeded: Seeded) -> None:
    client.get(f"/v1/searches/{seeded.search_id}")
    text = client.get("/metrics").text
    assert 'nas_http_requests_total{method="GET",route="/v1/searches/{search_id}",status="200"} 1.0' in text
    assert 'nas_searches{status="done"} 1.0' in text
    assert "nas_workers 1.0" in text


def test_the_page_and_the_reference_come_from_this_machine(client: TestClient) -> None:
    for path in ("/", "/docs"):
        text = client.get(path).text
        assert "http://" not in text
        assert "https://" not in text


def test_every_file_that_the_page_names_is_served(client: TestClient) -> None:
    for file in (Path("api") / "page").iterdir():
        assert client.get(f"/page/{file.name}").status_code == 200
    script = client.get("/page/plotly.min.js")
    assert (script.status_code, len(script.content) > 1_000_000) == (200, True)


def test_no_other_file_of_this_machine_is_served(client: TestClient) -> None:
    for path in ("/page/../app.py", "/page/%2e%2e/app.py", "/page/..%2fapp.py", "/page//etc/passwd", "/page/"):
        assert client.get(path).status_code == 404


def test_the_reference_lists_every_route(client: TestClient) -> None:
    reference = client.get("/docs").text
    for path in client.get("/openapi.json").json()["paths"]:
        assert path in reference


def test_the_service_needs_no_training_library() -> None:
    script = f"import api.app, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    result = run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
