"""How long the pages of `python -m export.play` take to follow a finger: python tests/benchmarks/page_speed.py PAGE ...

Each page is opened from its file in headless Chromium, and the pad is dragged; the median, and the 99th percentile, of
200 decodes is printed. Needs Debian's chromium and `pip install "tfgen[browser]"`.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

DECODES = 200


def main() -> None:
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        print(f"{'page':<30}{'MB':>7}{'median ms':>12}{'p99 ms':>9}")
        for name in sys.argv[1:]:
            path = Path(name).resolve()
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(path.as_uri())
            page.wait_for_selector("main:not([hidden])")
            page.wait_for_timeout(3000)  # the manifold
            page.evaluate("play.times.length = 0")
            box = page.locator("#pad").bounding_box()
            page.mouse.move(box["x"] + 5, box["y"] + 5)
            page.mouse.down()
            step = 0
            while page.evaluate("play.times.length") < DECODES:
                step = (step + 7) % 100
                page.mouse.move(box["x"] + box["width"] * step / 100, box["y"] + box["height"] * (step * 3 % 100) / 100)
                page.wait_for_timeout(20)
            page.mouse.up()
            times = sorted(page.evaluate("play.times"))[:DECODES]
            size = path.stat().st_size / 1e6
            print(f"{path.name:<30}{size:>7.1f}{times[len(times) // 2]:>12.1f}{times[int(0.99 * len(times))]:>9.1f}")
            page.close()


if __name__ == "__main__":
    main()
