"""Keys and data sets."""

from pathlib import Path

import pytest
from PIL import Image

from nas.store import Store, keys
from tests.unit.cli.conftest import Nas


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder of three different pictures and a text that calls itself one."""
    folder = tmp_path / "holiday"
    folder.mkdir()
    for number in range(3):
        picture = Image.effect_noise((96, 96), 40 + 20 * number).convert("RGB")
        picture.save(folder / f"{number}.png")
    (folder / "notes.png").write_text("no picture")
    return folder


def test_a_key_is_shown_once_and_then_only_by_its_prefix(nas: Nas, sqlite_url: str) -> None:
    secret = nas("keys", "create", "me", "--json").document["key"]

    with Store(sqlite_url) as store, store.reading() as session:
        assert keys.verify(session, secret) is not None
    listed = nas("keys", "list")
    assert secret[:12] in listed.out
    assert secret not in listed.out


def test_without_json_stdout_is_the_secret_alone(nas: Nas) -> None:
    assert nas("keys", "create").out.strip().startswith("nas_")


def test_a_revoked_key_opens_nothing(nas: Nas, sqlite_url: str) -> None:
    made = nas("keys", "create", "--json").document
    revoked = nas("keys", "revoke", made["prefix"], "--json").document

    assert revoked["revoked_at"] is not None
    with Store(sqlite_url) as store, store.reading() as session:
        assert keys.verify(session, made["key"]) is None


def test_a_folder_becomes_a_data_set(nas: Nas, photographs: Path) -> None:
    document = nas("data", "add", "holiday", str(photographs), "--json").document

    assert len(document["train"]) + len(document["validation"]) == 3
    assert [one["name"] for one in document["skipped"]] == ["notes.png"]
    assert nas("data", "list", "--json").document == [
        {"name": "embedded", "path": None, "files": 7},
        {"name": "holiday", "path": str(photographs), "files": 4},
    ]
    assert nas("data", "check", "holiday", "--json").document == document
    assert document["sizes"]["validation"]["largest"] == [96, 96]
    assert document["sizes"]["train"]["pixels"] + document["sizes"]["validation"]["pixels"] == 3 * 96 * 96
    assert (document["split"], document["mapped"]) == ("content", None)


def test_a_check_says_where_photographs_are_kept_and_how_many_are_bad(
    nas: Nas, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    nas("data", "add", "holiday", str(photographs))
    assert "on the device (0 MB)" in nas("data", "check", "holiday", "--device", "cpu").out
    monkeypatch.setenv("NAS_IMAGE_MEMORY_MB", "0.01")
    monkeypatch.setattr("nas.cli.data.MOST_SKIPPED", 0)
    shown = nas("data", "check", "holiday", "--device", "cpu", "--scale", "3").out
    assert f"mapped from files in {tmp_path}/cache/nas/images/" in shown
    assert "1 more; --json names them all" in shown
    assert "96x96 to 96x96" in shown


def test_a_folder_that_is_gone_is_listed_as_missing(nas: Nas, photographs: Path) -> None:
    nas("data", "add", "holiday", str(photographs))
    photographs.rename(photographs.with_name("elsewhere"))
    assert nas("data", "list", "--json").document[1]["files"] is None
    assert "missing" in nas("data", "list").out


@pytest.mark.parametrize("name", ["../x", "Has Space", "", "embedded"])
def test_a_data_set_cannot_have_any_name(nas: Nas, photographs: Path, name: str) -> None:
    assert nas("data", "add", name, str(photographs)).status == 2


def test_the_embedded_photographs_are_a_data_set(nas: Nas) -> None:
    document = nas("data", "check", "embedded", "--json").document

    assert set(document["train"]) == {"astronaut", "chelsea", "flower", "hubble_deep_field", "rocket"}
    assert set(document["validation"]) == {"china", "coffee"}
    assert document["bicubic_psnr_db"] == pytest.approx(23.4, abs=0.1)
