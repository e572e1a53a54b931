"""What a report of a large run costs: ten million lines, and 600 of their images.

    python -m jobs.measure.report_cost [--records 10000000] [--folder DIR] [--browser]

The results are those of `jobs/measure/export_cost.py`. A first report, without pictures, says which
images are chosen; these are then drawn, at 12 megapixels, and the second report is measured: its
time, the most memory of its process (VmHWM), and its size. With --browser (playwright and
/usr/bin/chromium), the seconds from opening the page to its first pictures, too.
"""

import argparse
import json
import re
import tempfile
import time
from pathlib import Path

from jobs.measure.export_cost import Cost, cost_of, put_results


def report(results: Path, page: Path, images: Path, *options: str) -> Cost:
    """Write a report, in a process of its own; what it cost."""
    return cost_of(["report", str(results), "-o", str(page), "--images", str(images), *options])


def draw(page: Path, images: Path) -> int:
    """Draw the images that a page shows; how many."""
    import cv2
    import numpy as np

    noise = np.random.default_rng(1).integers(0, 255, (60, 80, 3), np.uint8)
    picture = cv2.resize(noise, (4000, 3000), interpolation=cv2.INTER_CUBIC)
    data = cv2.imencode(".jpg", picture)[1].tobytes()
    found = re.search(r'id="data">(.*?)</script>', page.read_text())
    if found is None:
        raise RuntimeError("a page without data")
    pictures = json.loads(found[1])["pictures"]
    for one in pictures:
        path = images / one["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return len(pictures)


def opened(page: Path) -> float:
    """Seconds until a browser shows the first pictures and takes a key."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        tab = browser.new_page()
        began = time.monotonic()
        tab.goto(page.absolute().as_uri())
        tab.keyboard.press("3")
        # Not `wait_for_function`: the page's policy stops the `eval` in it.
        while not tab.evaluate("[...document.images].some((image) => image.naturalWidth > 0)"):
            time.sleep(0.01)
        seconds = time.monotonic() - began
        browser.close()
    return seconds


def main() -> None:
    """From the command line to the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, help="where to work; its results are kept")
    parser.add_argument("--browser", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        results, images = folder / f"results-{options.records}.jsonl", folder / "images"
        if not results.exists():
            put_results(results, options.records)
        print(f"{results}: {results.stat().st_size / 1e6:,.0f} MB", flush=True)
        page = folder / "report.html"
        if not images.exists():
            report(results, page, folder)
            print(f"drew {draw(page, images)} images", flush=True)
        cost = report(results, page, images)
        print(
            f"report       {cost.s:6.1f} s  {cost.cpu_s:6.1f} s CPU  {cost.mb:5.0f} MB  "
            f"wrote {page.stat().st_size / 1e6:.1f} MB",
            flush=True,
        )
        if options.browser:
            print(f"open         {opened(page):6.2f} s")


if __name__ == "__main__":
    main()
