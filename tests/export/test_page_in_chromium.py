"""The page in a browser: every control moves the code, on a desk and on a phone, and nothing is asked of any host."""

import json
import os
import shutil
import time

import numpy as np
import pytest
from PIL import Image

from export.page import facts, program, text

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.ci]


@pytest.fixture(scope="module")
def page_file(small, tmp_path_factory):
    """A page of a model with classes, an encoder and enough dimensions to hide some."""
    model = small("cvae", latent_dim=12)
    found = facts.of(model, "cvae") | {"by": "a test"}
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(text.page(found, *program.packed(facts.programs(model))), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason='pip install "tfgen[browser]"')
    with playwright.sync_playwright() as started:
        made = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"] * (os.geteuid() == 0))
        yield made
        made.close()


@pytest.fixture(params=[1280, 400], ids=["desk", "phone"])
def page(request, browser, page_file):
    """The page, opened from its file; what it asked for and what went wrong is looked at in the end."""
    opened = browser.new_page(viewport={"width": request.param, "height": 860})
    asked, wrong = [], []
    opened.on("request", lambda each: asked.append(each.url))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    opened.goto(page_file.as_uri())
    opened.wait_for_selector("main:not([hidden])")
    yield opened
    assert opened.evaluate("document.documentElement.scrollWidth") <= request.param
    assert {url for url in asked if not url.startswith(("data:", "blob:"))} == {page_file.as_uri()}
    assert wrong == []
    opened.close()


def code(page) -> np.ndarray:
    return np.array(page.evaluate("Array.from(play.state.code)"))


def image(page) -> str:
    page.wait_for_timeout(100)
    return page.evaluate("document.getElementById('image').toDataURL()")


def drag(page, selector: str, *places) -> None:
    page.locator(selector).scroll_into_view_if_needed()
    box = page.locator(selector).bounding_box()
    (x, y), *rest = [(box["x"] + box["width"] * u, box["y"] + box["height"] * v) for u, v in places]
    page.mouse.move(x, y)
    page.mouse.down()
    for place in rest:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


def test_the_pad_moves_two_dimensions_by_mouse_and_by_keys(page):
    before, first = image(page), code(page)
    drag(page, "#pad", (0.5, 0.5), (0.9, 0.1))
    moved = code(page)
    across, up = page.evaluate("[play.state.across, play.state.up]")
    assert set(np.flatnonzero(np.abs(moved - first) > 1e-6)) == {across, up}
    assert image(page) != before
    page.focus("#pad")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowDown")
    assert code(page)[across] < moved[across]
    assert code(page)[up] < moved[up]


def test_sliders_classes_seeds_and_reset(page):
    start, before = code(page), image(page)
    page.click("#classes button:nth-child(3)")
    assert page.get_attribute("#classes button:nth-child(3)", "aria-pressed") == "true"
    assert image(page) != before
    page.focus("#sliders input")
    page.keyboard.press("End")
    assert code(page)[page.evaluate("play.state.across")] > start.max()
    page.click("#more")
    assert page.locator("#sliders input").count() == 12
    page.fill("#seed", "7")
    page.keyboard.press("Enter")
    seventh = code(page)
    page.click("#random")
    page.fill("#seed", "7")
    page.keyboard.press("Enter")
    np.testing.assert_array_equal(code(page), seventh)
    assert json.dumps(round(seventh[0], 3))[:5] in page.inner_text("#python")
    assert page.inner_text("#python").endswith("label=2)")
    page.click("#reset")
    np.testing.assert_allclose(code(page), start)


def test_what_is_drawn_or_uploaded_is_encoded(page, tmp_path):
    start = code(page)
    drag(page, "#paper", (0.2, 0.2), (0.8, 0.2), (0.4, 0.9))
    page.wait_for_timeout(200)
    drawn = code(page)
    assert np.abs(drawn - start).max() > 1e-4
    Image.fromarray(np.eye(50, dtype=np.uint8) * 255).save(tmp_path / "line.png")
    page.set_input_files("#file", tmp_path / "line.png")
    page.wait_for_timeout(500)
    assert np.abs(code(page) - drawn).max() > 1e-4
    (tmp_path / "none.png").write_bytes(b"no picture")
    page.set_input_files("#file", tmp_path / "none.png")
    page.wait_for_timeout(500)
    assert "none.png is not a picture" in page.inner_text("#banner")


def test_codes_are_stored_walked_between_and_added(page):
    assert page.is_disabled("#play")
    codes = []
    for seed in (1, 2, 3):
        page.fill("#seed", str(seed))
        page.keyboard.press("Enter")
        page.click("#store")
        codes.append(code(page))
    a, b, c = codes
    page.evaluate("b = document.getElementById('between'); b.value = 0.5; b.dispatchEvent(new Event('input'))")
    np.testing.assert_allclose(code(page), (a + b) / 2, atol=1e-5)
    page.click("#equals")
    np.testing.assert_allclose(code(page), a - b + c, atol=1e-5)
    page.click("#play")
    seen = []
    end = time.monotonic() + 5
    while len({each.tobytes() for each in seen}) < 3 and time.monotonic() < end:
        seen.append(code(page))
        page.wait_for_timeout(50)
    assert len({each.tobytes() for each in seen}) >= 3
    page.click("#play")
    page.click("#slots figure:nth-child(2) button")
    np.testing.assert_allclose(code(page), b)
