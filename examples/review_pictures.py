"""Makes the pictures of docs/review.md: the review page on the demo shot, state by state.

Run: python examples/review_pictures.py docs/images/review (needs Playwright and a Chromium)
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import resources
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from peanut_client import PeanutClient, load_settings
from peanut_client.connection import read_review_address

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
SMALL, LARGE = (1280, 720), (1920, 1080)
# Small enough for a repository, and still sharp to read.
QUALITY = {SMALL: 78, LARGE: 45}
PATIENCE_MS = 600_000
SHOWN_FOLDER = "/footage"
RENAME = """([from, to]) => {
  const path = document.getElementById("path"), error = document.getElementById("render-error");
  path.value = path.value.replace(from, to);
  error.textContent = error.textContent.replace(from, to);
}"""


class Photographer:
    """Uses the page, and takes pictures of it."""

    def __init__(
        self,
        page: Page,
        folder: Path,
        clip_size: tuple[int, int],
        sizes: tuple[tuple[int, int], ...],
        clip_folder: str,
    ) -> None:
        self.page = page
        self._folder = folder
        self._clip_size = clip_size
        self._sizes = sizes
        self._clip_folder = clip_folder

    def shoot(self, name: str) -> None:
        """Take the page as it is, at each size; the temporary folder is shown as /footage."""
        self.page.evaluate(RENAME, [self._clip_folder, SHOWN_FOLDER])
        for size in self._sizes:
            self.page.set_viewport_size({"width": size[0], "height": size[1]})
            self.page.wait_for_timeout(600)
            path = self._folder / f"{name}-{size[0]}.jpg"
            self.page.screenshot(path=path, type="jpeg", quality=QUALITY[size])
        self.page.evaluate(RENAME, [SHOWN_FOLDER, self._clip_folder])
        self.page.set_viewport_size({"width": SMALL[0], "height": SMALL[1]})
        self.page.wait_for_timeout(300)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a pixel of the clip is in the window."""
        box = self.page.locator("#picture").bounding_box()
        assert box is not None
        width, height = self._clip_size
        scale = min(box["width"] / width, box["height"] / height) * 0.98
        return (
            box["x"] + box["width"] / 2 + (x + 0.5 - width / 2) * scale,
            box["y"] + box["height"] / 2 + (y + 0.5 - height / 2) * scale,
        )

    def click(self, x: float, y: float) -> None:
        """Click on a pixel of the clip."""
        self.page.mouse.click(*self.place(x, y))

    def keys(self, *keys: str) -> None:
        """Press keys."""
        for key in keys:
            self.page.keyboard.press(key)

    def wait(self, selector: str, words: str) -> None:
        """Wait until something says these words."""
        self.page.wait_for_function(
            "([place, words]) => document.querySelector(place)?.textContent.includes(words)",
            arg=[selector, words],
        )


@contextmanager
def daemon(data_dir: Path) -> Iterator[PeanutClient]:
    """A daemon of its own, stopped at the end."""
    settings = replace(load_settings({}), data_dir=data_dir)
    with PeanutClient(settings=settings) as client:
        try:
            yield client
        finally:
            client.shutdown()


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--large", action="store_true", help="at 1920x1080 as well")
    given = parser.parse_args()
    folder: Path = given.folder
    folder.mkdir(parents=True, exist_ok=True)
    demo = resources.files("peanut_daemon.demo")
    shot = json.loads((demo / "shot.json").read_text(encoding="utf-8"))
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise SystemExit(f"none of {', '.join(PROGRAMS)} is installed")
    with (
        tempfile.TemporaryDirectory() as name,
        resources.as_file(demo / "clip.mov") as packaged,
        sync_playwright() as playwright,
    ):
        clip = Path(name) / "courtyard.mov"
        shutil.copy(packaged, clip)
        data_dir = Path(name) / "data"
        data_dir.mkdir(mode=0o700)
        root = hasattr(os, "geteuid") and os.geteuid() == 0
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"] if root else []
        )
        with daemon(data_dir) as client:
            edit = client.create_edit(str(clip))
            settings = replace(load_settings({}), data_dir=data_dir)
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            page.set_default_timeout(PATIENCE_MS)
            page.goto(read_review_address(settings, edit.id))
            page.wait_for_selector("#connection.on")
            page.wait_for_function("() => performance.getEntriesByName('frame-painted').length")
            photographer = Photographer(
                page,
                folder,
                (shot["width"], shot["height"]),
                (SMALL, LARGE) if given.large else (SMALL,),
                name,
            )
            take(photographer, shot, name)
        # What it looks like while the daemon is away.
        page.wait_for_selector("#connection:not(.on)")
        photographer.shoot("14-reconnecting")
        browser.close()


def take(photographer: Photographer, shot: dict[str, dict[str, list[float]]], folder: str) -> None:
    """Go from the new edit to the compared result."""
    page = photographer.page
    photographer.shoot("1-new")
    x, y = shot["click"]["point_xy_px"]
    photographer.click(x, y)
    page.wait_for_function("() => document.querySelector('#tracked').value >= 14")
    photographer.shoot("2-tracking")
    page.wait_for_selector("#tracking[hidden]", state="attached")
    page.fill(".target input[type=text]", "airship")
    photographer.keys("Enter")
    photographer.shoot("3-tracked")
    # A correction near the end, by eraser: the frame is locked, the neighbours follow.
    photographer.keys("End", *["Shift+ArrowLeft"] * 2)
    photographer.keys("e")
    page.mouse.move(*photographer.place(200, 100))
    page.mouse.down()
    page.mouse.move(*photographer.place(260, 100), steps=4)
    page.mouse.up()
    photographer.wait("#frame-said", "painted mask")
    page.wait_for_selector("#tracking[hidden]", state="attached")
    photographer.keys("a", "n")
    photographer.keys("Home", "b")
    page.mouse.move(*photographer.place(6, 238))
    page.mouse.down()
    page.mouse.move(*photographer.place(46, 309), steps=4)
    page.mouse.up()
    photographer.wait("#frame-said", "1 box")
    page.wait_for_selector("#tracking[hidden]", state="attached")
    page.fill(".target:nth-child(2) input[type=text]", "flowers")
    # The camera leaves the flowers behind: the frames where they go are doubtful.
    photographer.keys("Enter", "a", "2", "d")
    photographer.shoot("4-two-targets")
    photographer.keys("Home")
    page.uncheck(".target:nth-child(2) input[type=checkbox]")
    page.locator("#picture").focus()
    for key, name in (("3", "5-outline"), ("4", "6-matte"), ("5", "7-cut-out")):
        photographer.keys(key)
        photographer.shoot(name)
    photographer.keys("2")
    page.click("#approve")
    photographer.wait("#approval", "Approved")
    photographer.shoot("8-approved")
    page.fill("#path", f"{folder}/no-such-folder/courtyard.clean.mkv")
    page.click("#render")
    photographer.wait("#render-error", "does not exist")
    photographer.shoot("9-refused")
    page.fill("#path", f"{folder}/courtyard.clean.mkv")
    page.click("#render")
    photographer.wait("#jobs .state", "%")
    photographer.shoot("10-rendering")
    photographer.wait("#jobs .state", "done")
    page.click("#jobs .compare")
    photographer.keys("Home", *["Shift+ArrowRight"] * 2)
    photographer.shoot("11-wipe")
    photographer.keys("6")
    photographer.shoot("12-result")
    photographer.keys("2", "?")
    photographer.shoot("13-help")
    photographer.keys("Escape")


if __name__ == "__main__":
    main()
