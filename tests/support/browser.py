"""A real Chromium, driven by Playwright, and the review page in it."""

import json
import os
import shutil
from pathlib import Path

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_MS = 30_000


def launch(playwright):
    """The system's Chromium; skips where there is none."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(f"no Chromium here: none of {', '.join(PROGRAMS)} is installed")
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    arguments = ["--no-sandbox"] if root else []
    return playwright.chromium.launch(executable_path=program, args=arguments)


def review_address(data_dir: Path) -> str:
    """The address that opens the page once."""
    return json.loads((data_dir / "daemon.json").read_text())["review_address"]


class ReviewPage:
    """The page of one edit, used as a person does."""

    def __init__(self, page, size) -> None:
        self.page = page
        self._size = size  # of the clip
        self.troubles = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("dialog", lambda dialog: dialog.accept())

    def wait(self, expression: str, argument=None) -> None:
        self.page.wait_for_function(expression, arg=argument)

    def wait_until_connected(self) -> None:
        self.page.wait_for_selector("#connection.on")
        self.wait("() => performance.getEntriesByName('frame-painted').length")

    def wait_until_tracked(self) -> None:
        """Every mask is there."""
        self.page.wait_for_selector("#tracking[hidden]", state="attached")
        self.page.wait_for_selector(".target")

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a pixel of the clip is in the window, at zoom "fit"."""
        box = self.page.locator("#picture").bounding_box()
        width, height = self._size
        scale = min(box["width"] / width, box["height"] / height) * 0.98
        return (
            box["x"] + box["width"] / 2 + (x + 0.5 - width / 2) * scale,
            box["y"] + box["height"] / 2 + (y + 0.5 - height / 2) * scale,
        )

    def click(self, x: float, y: float, *, alt: bool = False) -> None:
        if alt:
            self.page.keyboard.down("Alt")
        self.page.mouse.click(*self.place(x, y))
        if alt:
            self.page.keyboard.up("Alt")

    def drag(self, start, end, steps: int = 4) -> None:
        self.page.mouse.move(*self.place(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.place(*end), steps=steps)
        self.page.mouse.up()

    def keys(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def text(self, selector: str) -> str:
        return self.page.locator(selector).inner_text()

    def wait_for_text(self, selector: str, words: str) -> None:
        self.wait(
            "([place, words]) => document.querySelector(place)?.textContent.includes(words)",
            [selector, words],
        )

    def state(self) -> dict:
        """The edit as the daemon tells it to this page."""
        return self.page.evaluate(
            "async () => (await fetch(location.pathname.replace('/edits', '/api/edits'))).json()"
        )

    def colour(self, x: float, y: float) -> tuple[int, int, int]:
        """What the picture shows at a pixel of the clip."""
        return tuple(self.page.evaluate(COLOUR, list(self.place(x, y))))

    def wait_for_colour(self, x: float, y: float, condition: str) -> None:
        """Wait until red, green and blue (`r`, `g`, `b`) at a pixel are as `condition` says."""
        self.wait(
            f"(at) => {{ const [r, g, b] = ({COLOUR})(at); return {condition}; }}",
            list(self.place(x, y)),
        )


COLOUR = """(at) => {
  const canvas = document.getElementById("picture"), box = canvas.getBoundingClientRect();
  const ratio = canvas.width / box.width;
  return [...canvas.getContext("2d").getImageData(
    (at[0] - box.left) * ratio, (at[1] - box.top) * ratio, 1, 1).data].slice(0, 3);
}"""
