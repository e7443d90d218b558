"""The page as people use it."""

import re
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from nas.store import Store, events, keys, searches
from tests.seeding import (
    SYSTEMS_MS,
    add_trial,
    baseline,
    finish_export,
    sample,
    seed_fidelity,
    seed_search,
    start_search,
)

pytestmark = pytest.mark.browser
SPACE = """
language: 1
name: mine
scale: 2
network:
  width: {choice: [8, 12, 16]}
  head: {op: conv, kernel: 3}
  tail: {op: pixelshuffle, kernel: 3}
"""


def traces(page: Page) -> list[dict[str, Any]]:
    """What plotly was given to draw, once it has drawn."""
    page.wait_for_selector(".chart .main-svg")
    found: list[dict[str, Any]] = page.evaluate(
        "document.querySelector('.chart').data.map(({mode, x, y, customdata}) => ({mode, x, y, customdata}))"
    )
    return found


def test_without_searches_the_page_says_how_to_start(page: Page) -> None:
    expect(page.locator("#searches")).to_contain_text("No searches yet")
    expect(page.get_by_role("link", name="New search").first).to_be_visible()


def test_a_search_shows_its_front_as_points_and_rows(page: Page, store: Store) -> None:
    seeded = seed_search(store, name="family", count=12)
    page.reload()
    page.get_by_role("link", name="family").click()
    rows = page.locator("tbody tr")
    expect(rows.first).to_contain_text("1st of ")
    expect(rows.first).to_contain_text("here")
    candidates, line, front, feet, published = traces(page)
    assert len(front["x"]) == rows.count()
    assert set(front["customdata"]) <= set(seeded.hashes)
    assert line["y"] == sorted(line["y"])
    assert (published["x"], published["y"]) == ([20.0], [24.10])
    assert len(candidates["x"]) + len(front["x"]) == 12
    assert feet["x"] == sorted([20.0, *SYSTEMS_MS.values()])


def test_a_search_says_how_far_its_rungs_can_be_trusted(page: Page, store: Store) -> None:
    seed_fidelity(store, seed_search(store, name="family", count=12))
    page.reload()
    page.get_by_role("link", name="family").click()
    table = page.get_by_role("region", name="Table of rank agreement")
    expect(table.get_by_role("row", name="150 steps of demo")).to_contain_text("3 of 3")
    expect(table.get_by_role("row", name="synflow")).to_be_visible()
    expect(page.locator(".trust")).to_contain_text("between seeds of one network")


def test_the_chart_shows_the_gate_and_the_published_systems(page: Page, store: Store) -> None:
    seeded = seed_search(store)
    page.goto(f"{page.url}#/searches/{seeded.search_id}")
    for text in ("gate 24.07 dB", "EFDN", "ShannonLab", "EMSR"):
        expect(page.locator(".chart .annotation-text", has_text=text)).to_be_visible()


def test_every_published_system_can_be_pointed_at(page: Page, store: Store) -> None:
    seeded = seed_search(store)
    page.goto(f"{page.url}#/searches/{seeded.search_id}")
    traces(page)
    words: list[str] = page.evaluate("document.querySelector('.chart').data[3].text")
    assert {one.split(",")[0] for one in words} == {"EFDN", *SYSTEMS_MS}


def test_a_running_search_grows_before_the_eyes(page: Page, store: Store) -> None:
    claim = start_search(store, name="live")
    page.goto(f"{page.url}#/searches/{claim.id}")
    expect(page.locator("#link")).to_have_text("Live")
    expect(page.locator("main")).to_contain_text("Points appear here")
    for number, architecture in enumerate(sample(2)):
        with store.session() as session:
            if number == 0:
                searches.set_baseline(session, claim, baseline())
            add_trial(session, claim, number, architecture)
        expect(page.locator(".progress")).to_contain_text(f"{number + 1} of 12 trials")
    assert traces(page)[2]["x"]
    with store.session() as session:
        payload = {"number": 2, "rung": 0, "step": 300, "steps": 600, "patches_per_second": 97.2}
        events.append(session, claim.id, "progress", payload)
    expect(page.locator(".step")).to_have_text("trial 2: step 300 of 600, 97 patches/s")
    with store.session() as session:
        searches.finish(session, claim, "done")
    expect(page.locator(".title .chip")).to_have_text("done")
    expect(page.locator("#link")).to_have_text("")


def test_a_name_with_markup_is_only_text(page: Page, store: Store) -> None:
    name = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    seeded = seed_search(store, name=name)
    page.goto(f"{page.url}#/searches/{seeded.search_id}")
    expect(page.locator("h2")).to_have_text(name)
    expect(page.locator(".entry-name")).to_have_text(name)
    traces(page)
    assert page.locator("main script, main img, aside script, aside img").count() == 0


def test_a_search_is_started_from_the_form(page: Page, store: Store) -> None:
    page.get_by_role("link", name="New search").first.click()
    page.get_by_label("Name").fill("from the page")
    page.get_by_label("Trials").fill("7")
    page.get_by_text("Sampler, objectives and bounds").click()
    page.get_by_label("latency").check()
    page.get_by_label("Bounds").fill("latency_ms <= 10\n")
    page.get_by_role("button", name="Start the search").click()
    expect(page.locator("h2")).to_have_text("from the page")
    expect(page.locator("main")).to_contain_text("waiting for a worker")
    with store.reading() as session:
        (search,) = searches.page(session).items
    assert search.request["objectives"] == ["psnr", "score", "latency"]
    assert (search.request["trials"], search.request["require"]) == (7, ["latency_ms <= 10"])


def test_a_search_is_started_with_the_keyboard_alone(page: Page, store: Store) -> None:
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.locator("#new").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("typed")
    page.keyboard.press("Enter")
    expect(page.locator("h2")).to_have_text("typed")


def test_a_space_of_ones_own_is_checked_while_it_is_written(page: Page, complaints: list[str]) -> None:
    page.goto(f"{page.url}#/new")
    page.get_by_label("Search space").select_option("own document…")
    document = page.get_by_label("Space document")
    document.fill(SPACE.replace("conv,", "cnv,"))
    document.blur()
    expect(page.locator("#about-document")).to_contain_text("Did you mean 'conv'")
    document.fill(SPACE)
    document.blur()
    expect(page.locator("#about-document")).to_have_text("3 architectures, scale 2")
    page.get_by_role("button", name="Start the search").click()
    expect(page.locator("h2")).to_have_text("mine")
    assert len(complaints) == 1
    complaints.clear()


def test_a_wrong_value_is_marked_where_it_stands(page: Page, complaints: list[str]) -> None:
    page.goto(f"{page.url}#/new")
    page.get_by_label("Trials").fill("0")
    page.get_by_role("button", name="Start the search").click()
    expect(page.get_by_role("alert")).to_contain_text("greater than or equal to 1")
    expect(page.get_by_label("Trials")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Trials")).to_be_focused()
    assert len(complaints) == 1
    complaints.clear()


def test_a_queued_search_is_cancelled(page: Page, store: Store) -> None:
    page.goto(f"{page.url}#/new")
    page.get_by_role("button", name="Start the search").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".title .chip")).to_have_text("cancelled")
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)


def test_a_network_is_exported_and_downloaded(page: Page, store: Store) -> None:
    seeded = seed_search(store)
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model.py", "pass\n")
    page.goto(f"{page.url}#/searches/{seeded.search_id}")
    row = page.locator("tbody tr").first
    row.get_by_role("button", name="Export").click()
    expect(row).to_contain_text("Waiting for a worker")
    finish_export(store, buffer.getvalue())
    with page.expect_download() as download:
        row.get_by_role("button", name="Download").click()
    assert Path(download.value.path()).read_bytes() == buffer.getvalue()


def test_an_architecture_opens_as_yaml_and_closes_with_escape(page: Page, store: Store) -> None:
    seeded = seed_search(store)
    page.goto(f"{page.url}#/searches/{seeded.search_id}")
    page.locator("tbody .hash").first.click()
    expect(page.locator("dialog pre")).to_contain_text("pixelshuffle")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_be_hidden()


@pytest.mark.parametrize("route", ["", "#/new", "#/searches/ID"])
def test_a_phone_shows_everything_without_scrolling_sideways(page: Page, store: Store, route: str) -> None:
    seeded = seed_search(store, name="a name that is rather long " * 5)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(page.url + route.replace("ID", seeded.search_id))
    page.reload()
    expect(page.locator("h1:visible, h2:visible").first).to_be_visible()
    page.wait_for_load_state("networkidle") if route != "#/searches/ID" else traces(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_page_follows_the_system_and_the_button(page: Page) -> None:
    def lightness() -> int:
        colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", colour)[:3]))

    page.emulate_media(color_scheme="dark")
    assert lightness() < 150
    button = page.get_by_role("button", name="Colour theme")
    button.click()
    assert lightness() > 600
    page.emulate_media(color_scheme="light")
    button.click()
    assert lightness() < 150
    page.reload()
    assert lightness() < 150


def test_a_search_that_is_not_there_is_said(page: Page, complaints: list[str]) -> None:
    page.goto(f"{page.url}#/searches/nothing")
    expect(page.get_by_role("alert")).to_contain_text("There is no search 'nothing'")
    complaints.clear()


def test_a_key_is_asked_for_and_used(page: Page, store: Store, complaints: list[str]) -> None:
    seeded = seed_search(store, name="guarded")
    with store.session() as session:
        _, secret = keys.create(session)
    page.reload()
    page.get_by_label("API key").fill("wrong")
    page.get_by_role("button", name="Use this key").click()
    expect(page.locator("dialog")).to_contain_text("unknown or revoked")
    page.get_by_label("API key").fill(secret)
    page.get_by_role("button", name="Use this key").click()
    expect(page.locator(".entry-name")).to_have_text("guarded")
    page.goto(f"{page.url}#/searches/{seeded.search_id}")
    expect(page.locator("tbody tr").first).to_contain_text("1st of")
    complaints.clear()


def test_the_reference_opens_without_scripts(page: Page, address: str) -> None:
    page.goto(f"{address}/docs")
    page.get_by_text("/v1/searches", exact=True).first.click()
    expect(page.get_by_text("The name of a registered data set.")).to_be_visible()
