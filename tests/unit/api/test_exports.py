import io
import zipfile

from fastapi.testclient import TestClient

from nas.store import Store
from tests.seeding import Seeded, finish_export, start_search


def make_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model.py", "print('hello')\n")
    return buffer.getvalue()


def test_an_export_is_queued_made_and_downloaded(client: TestClient, seeded: Seeded, url: str) -> None:
    body = {"trial": seeded.hashes[0], "format": "pytorch"}
    queued = client.post(f"/v1/searches/{seeded.search_id}/exports", json=body)
    assert queued.status_code == 202
    place = queued.headers["Location"]
    assert (client.get(place).json()["status"], client.get(place).json()["file"]) == ("queued", None)
    with Store(url) as store:
        finish_export(store, make_zip())
    done = client.get(place).json()
    assert (done["status"], done["file"]) == ("done", f"{place}/file")
    file = client.get(done["file"])
    assert file.headers["content-disposition"].startswith('attachment; filename="pytorch-')
    assert zipfile.ZipFile(io.BytesIO(file.content)).namelist() == ["model.py"]


def test_the_best_is_exported_unless_another_is_named(client: TestClient, seeded: Seeded) -> None:
    queued = client.post(f"/v1/searches/{seeded.search_id}/exports", json={})
    assert (queued.status_code, queued.json()["trial"], queued.json()["format"]) == (202, "best", "pytorch")


def test_a_file_that_is_not_made_yet_is_a_conflict(client: TestClient, seeded: Seeded) -> None:
    place = client.post(f"/v1/searches/{seeded.search_id}/exports", json={}).headers["Location"]
    assert client.get(f"{place}/file").status_code == 409


def test_a_trial_that_does_not_exist_cannot_be_exported(client: TestClient, seeded: Seeded) -> None:
    answer = client.post(f"/v1/searches/{seeded.search_id}/exports", json={"trial": "a1:00"})
    assert answer.status_code == 404
    assert "a1:00" in answer.json()["detail"]


def test_a_search_without_results_has_no_best(client: TestClient, url: str) -> None:
    with Store(url) as store:
        search_id = start_search(store).id
    assert client.post(f"/v1/searches/{search_id}/exports", json={}).status_code == 409


def test_an_unknown_format_is_refused(client: TestClient, seeded: Seeded) -> None:
    answer = client.post(f"/v1/searches/{seeded.search_id}/exports", json={"format": "floppy"})
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "format")


def test_an_export_that_does_not_exist_is_not_found(client: TestClient) -> None:
    assert client.get("/v1/exports/none").status_code == 404
    assert client.get("/v1/exports/..%2Fnone/file").status_code == 404
