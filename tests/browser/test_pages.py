"""The report and the documentation in Chromium: three widths, dark, print, keyboard; axe finds nothing."""

import subprocess
import sys

import pytest
from support import tables as frames
from support.written import written

from lambdist_lib import paths
from lambdist_lib.report.write import write_report

VIEWS = [(1280, "light"), (768, "dark"), (390, "light")]
WIDTH = "document.documentElement.scrollWidth"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The report of six pairs, in which two datapoints of each run died."""
    runs = frames.runs(6).assign(submitted=40, stored=38, dead=2)
    home = written(tmp_path_factory.mktemp("report") / "pairs", runs, dead=(3, 4), facts={})
    write_report(home)
    return home / "report.html"


@pytest.fixture(scope="module")
def documentation(tmp_path_factory):
    """The first page of the built documentation."""
    folder = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", str(paths.root() / "docs"), str(folder)]
    subprocess.run(command, check=True, timeout=300)
    return folder / "index.html"


@pytest.fixture
def visit(browser):
    """`visit(path, width, scheme)`: a page that has loaded, and must not fail or ask for anything else."""
    visited = []

    def load(path, width=1280, scheme="light"):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        faults, requests = [], []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        visited.append((page, faults, requests))
        return page

    yield load
    for page, faults, requests in visited:
        assert faults == []
        assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
        page.close()


def violations(page):
    """Return what axe-core finds, each rule with the elements that break it.

    To a screen reader a drawing is one image, so its thousand shapes need not be looked at.
    """
    from axe_playwright_python.sync_playwright import Axe

    page.evaluate("document.querySelectorAll('svg[role=img]').forEach(svg => svg.replaceChildren())")
    result = Axe().run(page).response
    assert len(result["passes"]) > 10  # it did run
    return {rule["id"]: [node["target"] for node in rule["nodes"]] for rule in result["violations"]}


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_a_report_is_accessible_at_every_width(visit, report, width, scheme):
    """With long tables opened, nothing is wider than the window, and each figure has one visible drawing."""
    page = visit(report, width, scheme)
    page.evaluate("document.querySelectorAll('details').forEach(table => { table.open = true; })")

    assert page.evaluate(WIDTH) <= width
    figures = page.locator("figure").count()
    shown = "narrow" if width < 640 else "wide"
    assert page.locator(f"svg.{shown}:visible").count() == figures
    assert page.locator("figure svg:visible").count() == figures
    assert violations(page) == {}


def test_figures_are_light_on_dark_pages_and_dark_in_print(visit, report):
    """The text of a figure follows the page; print shows folded tables and no buttons."""
    page = visit(report, scheme="dark")
    ink = "getComputedStyle(document.querySelector('svg.wide text')).fill"
    assert page.evaluate(ink) == "rgb(213, 219, 229)"

    page.emulate_media(media="print")

    assert page.evaluate(ink) == "rgb(38, 38, 38)"
    assert not page.locator(".tools:visible, .filter:visible, nav:visible").count()
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_tables_are_sorted_and_filtered_by_keyboard(visit, report):
    """The header says how a table is sorted; a filter says how many rows are left."""
    page = visit(report)
    page.locator("summary", has_text="Every run").press("Enter")
    table = page.locator("#table-runs")
    header = table.locator("th", has_text="until stored")
    column = [cell.inner_text() for cell in table.locator("thead th").all()].index(header.inner_text()) + 1
    for order in ("ascending", "descending"):
        header.locator("button").press("Enter")
        assert header.get_attribute("aria-sort") == order
        texts = table.locator(f"tbody tr > :nth-child({column})").all_inner_texts()
        times = [float(text.replace(",", "")) for text in texts]
        assert times == sorted(times, reverse=order == "descending")
        assert len(set(times)) > 1

    page.locator("details[open] .filter input").fill("single run-3")

    assert table.locator("tbody tr:visible").count() == 1
    assert page.locator("details[open] .filter [role=status]").inner_text() == "1 of 12 rows"


def test_figures_answer_pointer_and_keyboard_and_zoom(visit, report):
    """A point names its run; arrow keys name one after the other; zoom keeps the size of the page."""
    page = visit(report)
    figure, tip = page.locator("figure").first, page.locator(".tip")
    figure.scroll_into_view_if_needed()
    point = figure.locator("svg.wide [data-tips] use").first.bounding_box()

    page.mouse.move(point["x"] + point["width"] / 2 + 6, point["y"] + point["height"] / 2)
    tip.wait_for(state="visible")
    assert "run-" in tip.inner_text() and tip.inner_text().endswith(")")
    page.keyboard.press("Escape")
    assert tip.is_hidden()

    figure.locator(".paper").focus()
    named = []
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        named.append(tip.inner_text())
    assert len(set(named)) == 3

    height = page.evaluate("document.body.scrollHeight")
    figure.get_by_role("button", name="Zoom in").click()
    assert figure.locator(".sheet").bounding_box()["width"] > 1.9 * figure.bounding_box()["width"]
    assert page.evaluate("document.body.scrollHeight") == height
    assert page.evaluate(WIDTH) <= 1280
    figure.get_by_role("button", name="Zoom out").click()
    assert figure.locator(".sheet").bounding_box()["width"] < figure.bounding_box()["width"]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_documentation_is_accessible(visit, documentation, width, scheme):
    page = visit(documentation, width, scheme)

    assert violations(page) == {}
    assert page.evaluate(WIDTH) <= width
