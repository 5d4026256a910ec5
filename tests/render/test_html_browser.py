"""The HTML report in a real browser: nothing on the console, nothing fetched, charts where they belong, both themes."""

from __future__ import annotations

import datetime as dt
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from dbops.evidence.answers import Answer, Answered, Property, Verification
from dbops.evidence.collector import Collector
from dbops.evidence.period import Ran
from dbops.evidence.trend import trend_of
from dbops.render.backup_page import backup_page
from dbops.render.html import html_text
from dbops.render.period import html_page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selenium.webdriver import Chrome

    from dbops.model import Report

NOW = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
_BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
_DRIVER = shutil.which("chromedriver") or ""

pytestmark = pytest.mark.skipif(not (_BROWSER and _DRIVER), reason="no Chromium with its driver is installed")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = _BROWSER
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--disable-sync",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--window-size=1180,1600",
        f"--user-data-dir={tmp_path_factory.mktemp('browser')}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(_DRIVER))
    yield driver
    driver.quit()


def show(browser: Chrome, text: str, path: Path, *, dark: bool = False) -> None:
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]},
    )
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(path.as_uri())


def brightness(browser: Chrome, selector: str, what: str) -> int:
    """Return the sum of red, green and blue of a colour as the browser computes it."""
    colour: str = browser.execute_script(
        "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]", selector, what
    )
    return sum(int(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3])


def rectangles(browser: Chrome, selector: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map(one => one.getBoundingClientRect().toJSON())", selector
    )
    return found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_page_shows_its_charts_and_complains_of_nothing(
    browser: Chrome, mixed: Report, tmp_path: Path, dark: bool
) -> None:
    show(browser, html_text(mixed, trend_of([mixed])), tmp_path / "report.html", dark=dark)
    assert [] == browser.get_log("browser")
    assert "dbops suite: fail · erp" == browser.title
    charts = rectangles(browser, ".chart svg")
    assert len(charts) == 2  # the RTO, and the findings; the RPO has no figure
    assert all(chart["width"] > 300 and chart["height"] > 100 for chart in charts)
    assert [] == [bar for bar in rectangles(browser, ".chart .bar") if not bar["height"]]
    assert rectangles(browser, ".gauge .mark")
    background, ink = brightness(browser, "body", "backgroundColor"), brightness(browser, "h1", "color")
    assert (background < ink) is dark
    assert abs(background - ink) > 400


def test_nothing_is_wider_than_the_window(browser: Chrome, mixed: Report, nasty: Report, tmp_path: Path) -> None:
    for report in (mixed, nasty):
        show(browser, html_text(report), tmp_path / "report.html")
        for width in (1180, 420):
            browser.set_window_size(width, 900)
            inner, whole = browser.execute_script(
                "return [document.documentElement.clientWidth, document.documentElement.scrollWidth]"
            )
            assert whole <= inner
    browser.set_window_size(1180, 1600)


def test_a_hostile_name_runs_nothing_and_fetches_nothing(browser: Chrome, nasty: Report, tmp_path: Path) -> None:
    show(browser, html_text(nasty), tmp_path / "report.html")
    assert [] == browser.get_log("browser")
    requests = [entry for entry in browser.get_log("performance") if "Network.requestWillBeSent" in entry["message"]]
    assert ["report.html" in entry["message"] for entry in requests] == [True]
    assert 0 == browser.execute_script(
        "return document.scripts.length + document.links.length + document.images.length"
    )


def test_a_script_that_got_into_the_file_would_not_run(browser: Chrome, mixed: Report, tmp_path: Path) -> None:
    text = html_text(mixed).replace("</main>", "<script>document.title = 'owned'</script></main>")
    show(browser, text, tmp_path / "report.html")
    assert "dbops suite: fail · erp" == browser.title
    assert "Content Security Policy" in browser.get_log("browser")[0]["message"]


def test_on_paper_everything_is_dark_on_white(browser: Chrome, mixed: Report, tmp_path: Path) -> None:
    show(browser, html_text(mixed), tmp_path / "report.html", dark=True)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert 3 * 255 == brightness(browser, "body", "backgroundColor")
    assert brightness(browser, "h1", "color") < 200
    assert 1000 < len(browser.print_page())
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_the_pages_of_a_period_and_of_backups_are_as_quiet(browser: Chrome, mixed: Report, tmp_path: Path) -> None:
    collector = Collector(None, NOW, trusted=True)
    for report in mixed.reports:
        collector.runs.append(
            Ran(NOW, report.run_id, report.command, "erp", report.verdict, report.exit_code, None, "why", report)
        )
    held = Verification("logs", (Answered(Property.AUTHENTIC, Answer.YES, ("all of it",)),))
    pages = [html_page(held, collector.period(NOW)), backup_page((), ["x.dump: no manifest"], "/srv/backups", NOW)]
    for text, charts in zip(pages, (2, 0), strict=True):
        show(browser, text, tmp_path / "page.html")
        assert [] == browser.get_log("browser")
        assert charts == len(rectangles(browser, ".chart svg"))
        inner, whole = browser.execute_script(
            "return [document.documentElement.clientWidth, document.documentElement.scrollWidth]"
        )
        assert whole <= inner
