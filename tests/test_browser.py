"""The rendered page in a real browser: headless Chromium without a network, as on a phone, a tablet and a desk, in the light and in the dark."""

import base64
import csv
import io
from importlib.util import find_spec
from pathlib import Path

import pypdfium2
import pytest
from browser import CHROMIUM, browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed; .ci/run installs it")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as tab:
        tab.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
        yield tab


@pytest.fixture
def page(chromium, demo):
    """A function that opens the report in a window of that width, in the light or in the dark."""

    def opened(width=1400, scheme="light"):
        chromium.problems.clear()
        chromium.requests.clear()
        chromium.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        chromium.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        chromium.open((demo / "results/demo/report/report.html").as_uri())
        return chromium

    return opened


@pytest.mark.parametrize("width", [360, 800, 1400])
def test_page_fits_its_window(page, width):
    tab = page(width)
    tab.value("document.querySelectorAll('details').forEach(box => box.open = true)")
    assert tab.value("innerWidth") == width
    assert tab.value("document.documentElement.scrollWidth") <= width


def test_wide_figures_keep_their_size_on_a_phone_and_can_be_scrolled(page):
    tab = page(360)
    boxes = tab.value(
        "[...document.querySelectorAll('figure .wide')].map(b => [b.scrollWidth, b.clientWidth, b.tabIndex])"
    )
    assert len(boxes) >= 4
    assert all(drawn >= 480 and shown < 360 and reached == 0 for drawn, shown, reached in boxes)
    assert page(1400).value("[...document.querySelectorAll('figure .wide')].every(b => b.scrollWidth <= b.clientWidth)")


@pytest.mark.parametrize("width", [360, 800, 1280, 1400])
def test_captions_are_not_cut_where_a_table_scrolls(page, width):
    tab = page(width)
    tab.value("document.querySelectorAll('details').forEach(box => box.open = true)")
    cut = """[...document.querySelectorAll('.wide caption')].filter(caption => { const words = document.createRange(); words.selectNodeContents(caption);
      return words.getBoundingClientRect().right > caption.closest('.wide').getBoundingClientRect().right + 1; }).map(caption => caption.textContent)"""
    assert tab.value("document.querySelectorAll('.wide caption').length") > 10
    assert tab.value(cut) == []


@pytest.mark.parametrize("width", [1280, 1400, 1440])
def test_the_verdicts_of_all_claims_are_seen_without_scrolling_at_a_desk(page, width):
    frame = "document.querySelector('#tbl-claims').closest('.wide')"
    assert page(width).value(f"{frame}.scrollWidth - {frame}.clientWidth") <= 0


def test_no_interval_of_a_table_is_broken_over_lines(page):
    tab = page(800)
    tab.value("document.querySelectorAll('details').forEach(box => box.open = true)")
    lines = tab.value(
        """[...document.querySelectorAll('td')].filter(cell => /^[^a-z]* to [^a-z]*$/.test(cell.textContent.replace(/\u00a0/g, ' ')))
          .map(cell => { const text = document.createRange(); text.selectNodeContents(cell);
            return [cell.textContent, new Set([...text.getClientRects()].map(box => box.top)).size]; })"""
    )
    assert len(lines) > 20
    assert [text for text, number in lines if number > (2 if "(" in text else 1)] == []


def test_page_throws_nothing_and_asks_nobody_for_anything(page):
    tab = page()
    assert tab.problems == []
    asked = [url for url in tab.requests if not url.startswith("data:")]
    assert [url.split("#")[0].split("/")[-1] for url in asked] == ["report.html"]


def test_the_page_s_own_policy_keeps_it_from_loading_anything(page):
    tab = page()
    blocked = tab.value(
        """new Promise(done => {
          document.addEventListener("securitypolicyviolation", event => done(event.effectiveDirective));
          document.body.append(Object.assign(new Image(), {src: "https://example.org/x.png"}));
        })"""
    )
    assert blocked == "img-src"


def test_images_are_drawn_and_reserve_their_place(page):
    tab = page()
    images = tab.value(
        "[...document.images].map(i => [i.naturalWidth, i.getAttribute('width'), i.getAttribute('height')])"
    )
    assert len(images) >= 4
    assert all(drawn and int(width) > 0 and int(height) > 0 for drawn, width, height in images)


def test_every_link_within_the_page_leads_somewhere(page):
    tab = page()
    targets = "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => decodeURIComponent(a.hash.slice(1)))"
    assert tab.value(f"{targets}.length") > 30
    assert tab.value(f"{targets}.filter(id => !document.getElementById(id))") == []


def test_no_identifier_is_given_twice(page):
    tab = page()
    ids = tab.value("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert sorted(set(ids)) == sorted(ids)


def test_headings_nest_under_one_title(page):
    levels = page().value("[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(h => +h.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))


@pytest.mark.skipif(
    find_spec("axe_core_python") is None, reason="axe-core-python is not installed; make test installs it"
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1400])
def test_accessibility_rules_find_nothing(page, width, scheme):
    tab = page(width, scheme)
    tab.value("document.querySelectorAll('details').forEach(box => box.open = true)")
    rules = Path(find_spec("axe_core_python").origin).with_name("axe.min.js").read_text(encoding="utf-8")
    tab.value(rules + "; undefined")
    kinds = '["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]'
    found = tab.value(
        f"""axe.run(document, {{runOnly: {kinds}}}).then(result => result.violations.map(
          rule => rule.id + ": " + rule.nodes.map(node => node.html.slice(0, 200)).slice(0, 3).join(" | ")))"""
    )
    assert found == []
    assert tab.value("matchMedia('(prefers-color-scheme: dark)').matches") is (scheme == "dark")


def test_a_click_on_a_column_s_head_sorts_a_long_table(page):
    tab = page()
    tab.value("window.head = document.querySelector('#tbl-funnel th:last-child')")
    column = (
        "[...document.querySelectorAll('#tbl-funnel tbody tr')].map(row => row.cells[row.cells.length - 1].textContent)"
    )
    unsorted = tab.value(column)
    tab.value("head.querySelector('button').click()")
    counts = [int(text.replace(",", "")) for text in tab.value(column) if text != "suppressed"]
    assert counts == sorted(counts) and sorted(tab.value(column)) == sorted(unsorted)
    assert tab.value("head.getAttribute('aria-sort')") == "ascending"
    tab.value("head.querySelector('button').click()")
    counts = [int(text.replace(",", "")) for text in tab.value(column) if text != "suppressed"]
    assert counts == sorted(counts, reverse=True)


def test_every_table_of_results_is_a_download_that_holds_the_table(page, demo):
    links = page().value(
        "[...document.querySelectorAll('.wide a[download]')].map(a => [a.download, a.getAttribute('href')])"
    )
    assert len(links) >= 15
    for name, address in links:
        (path,) = (demo / "results" / "demo").rglob(name)
        assert base64.b64decode(address.split(",")[1]) == path.read_bytes()
    rows = list(csv.reader(io.StringIO(base64.b64decode(dict(links)["funnel.csv"].split(",")[1]).decode())))
    assert rows[0][:2] == ["dataset", "step"]


def test_printing_gives_pages_that_show_what_is_folded_on_the_screen(page):
    printed = page().call("Page.printToPDF", preferCSSPageSize=True)["data"]
    pages = pypdfium2.PdfDocument(base64.b64decode(printed))
    text = " ".join(" ".join(sheet.get_textpage().get_text_range() for sheet in pages).split())
    assert 8 <= len(pages) <= 60
    assert "snakemake estimate_prevalence -R estimate_prevalence" in text
