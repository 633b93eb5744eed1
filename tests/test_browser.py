"""The rendered page in a real browser: headless Chromium."""

import re
import shutil
import subprocess

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
MEASURE = """<script>window.addEventListener("load", () => {
  const root = document.documentElement;
  const unsized = [...document.images].filter(image => !image.naturalWidth).length;
  root.setAttribute("data-measured", [root.scrollWidth, innerWidth, unsized].join(" "));
});</script></body>"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed; .ci/run installs it")


@pytest.mark.parametrize("width", [360, 800, 1400])
def test_page_fits_its_window_loads_its_images_and_logs_no_error(demo, tmp_path, width):
    html = (demo / "results/demo/report/report.html").read_text(encoding="utf-8")
    page = tmp_path / "page.html"
    # A frame of the width wanted: a window cannot be made as narrow as a phone.
    frame = html.replace("</body>", MEASURE).replace("&", "&amp;").replace('"', "&quot;")
    page.write_text(
        f"""<!doctype html><iframe id="f" style="width:{width}px;height:900px;border:0" srcdoc="{frame}"></iframe>
        <script>f.onload = () => document.documentElement.setAttribute("data-measured",
          f.contentDocument.documentElement.getAttribute("data-measured"))</script>""",
        encoding="utf-8",
    )
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            *QUIET,
            f"--user-data-dir={tmp_path / 'profile'}",
            "--enable-logging=stderr",
            "--virtual-time-budget=5000",
            "--window-size=1500,1000",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    measured = re.search(r'<html[^>]*data-measured="(\d+) (\d+) (\d+)"', done.stdout)
    assert measured, done.stderr[-2000:]
    scroll_width, inner_width, unsized = map(int, measured.groups())
    assert inner_width == width
    assert scroll_width <= inner_width
    assert unsized == 0
    assert "CONSOLE" not in done.stderr or "Error" not in done.stderr
