"""The page in a real Chromium: reloads, restarts, several tabs, strangers, large clips."""

import av
import numpy as np
import pytest
from support.browser import review_address
from support.clips import MPEG4, make_clip
from support.scenes import make_square_clip, square_centre, square_mask

from peanut_daemon.journal.database import open_database
from peanut_daemon.media import png_from_mask

FRAMES = 24


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Long enough that tracking is still on when something goes wrong."""
    return make_square_clip(tmp_path_factory.mktemp("clips") / "square.mov", frames=FRAMES)


def masks_of(daemon, edit):
    with daemon.client() as client:
        return [t.mask_frames for t in client.get_edit(edit.id).targets]


def test_reload_in_the_middle_loses_nothing(page, daemon, edit):
    page.keys("ArrowRight", "ArrowRight", "3", "b")
    page.keys("a")
    page.click(*square_centre(2))
    page.wait_for_text("#frame-said", "1 click, locked")
    page.page.reload()
    page.wait_until_connected()
    assert page.text("#frame-number") == "frame 2"
    assert page.page.get_attribute("[data-view=outline]", "aria-checked") == "true"
    page.wait_for_text("#frame-said", "Frame 2: 1 click, locked")
    page.wait_until_tracked()
    assert masks_of(daemon, edit) == [FRAMES]


def test_two_tabs_on_one_edit_stay_in_step(page, open_page, edit):
    other = open_page(edit)
    page.click(*square_centre(0))
    other.wait_for_text("#frame-said", "Frame 0: 1 click, locked")
    other.wait_until_tracked()
    other.keys("End")
    other.click(*square_centre(FRAMES - 1))
    other.wait_for_text("#frame-said", "locked")
    page.keys("End")
    page.wait_for_text("#frame-said", "1 click, locked")
    page.wait_until_tracked()
    other.page.click("#approve")
    page.wait_for_text("#approval", "Approved")
    # What one tab takes back, the other has no more.
    page.keys("z")
    other.wait_for_text("#frame-said", "nothing said here")
    other.wait_for_text("#approval", "Every frame has its mask")


def test_daemon_killed_in_the_middle_and_back(page, daemon, edit):
    page.page.evaluate("window.sameDocument = true")
    page.click(*square_centre(0))
    page.wait("() => document.querySelector('#tracked').value >= 2")
    daemon.kill()
    page.page.wait_for_selector("#connection:not(.on)")
    page.click(20, 40)
    page.wait_for_text("#target-error", "the daemon does not answer")
    daemon.start()
    page.page.wait_for_selector("#connection.on")
    # It goes on by itself, in the same page, at the same address, with the same cookie.
    page.wait_until_tracked()
    assert page.page.evaluate("window.sameDocument")
    assert masks_of(daemon, edit) == [FRAMES]


def test_strangers_are_not_let_in(browser, daemon, edit):
    stranger = browser.new_context()
    page = stranger.new_page()
    address = review_address(daemon.data_dir)
    origin = address.split("/enter")[0]
    assert page.goto(f"{origin}/edits/{edit.id}").status == 401
    assert "was not let in" in page.inner_text("body")
    assert page.goto(f"{origin}/enter?ticket=guessed").status == 401
    assert "used already" in page.inner_text("body")
    # The right one opens the page, once.
    assert page.goto(f"{address}&edit={edit.id}").status == 200
    assert page.url.startswith(f"{origin}/edits/{edit.id}")
    assert page.evaluate("document.cookie") == ""
    later = browser.new_context().new_page()
    assert later.goto(f"{address}&edit={edit.id}").status == 401
    # Whoever is in already may use an old address as a bookmark.
    assert page.goto(f"{address}&edit={edit.id}").status == 200
    later.context.close()
    stranger.close()


def test_page_of_an_edit_that_is_no_more(open_page, daemon, clip):
    with daemon.client() as client:
        edit = client.create_edit(str(clip))
        page = open_page(edit)
        client.delete_edit(edit.id)
    page.wait_for_text("#stage-error", "no edit has the id")


def test_4k_source(open_page, daemon, tmp_path):
    path = make_clip(
        tmp_path / "large.mov",
        pictures=[_large_picture(k) for k in range(2)],
        **MPEG4,
    )
    with daemon.client() as client:
        edit = client.create_edit(str(path))
    page = open_page(edit, (3840, 2160))
    page.keys("1")
    page.wait_for_colour(3700, 2000, "r < 90 && b > 150")
    page.wait_for_colour(100, 100, "r > 150 && b < 90")
    page.keys("b")
    page.drag((3400, 1800), (3830, 2150))
    page.wait_for_text("#frame-said", "1 box")
    box = page.state()["targets"][0]["prompts"][0]
    # A pixel of the window is five of the clip's.
    for name, wanted in {"x0": 3400, "y0": 1800, "x1": 3830, "y1": 2150}.items():
        assert abs(box[name] - wanted) <= 6
    page.page.click("#stop")
    page.page.wait_for_selector("#track")


def _large_picture(number):
    image = np.full((2160, 3840, 3), (200, 60, 40), np.uint8)
    image[1080:, 1920:] = (40, 60, 200)
    return av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")


def test_strip_of_2000_frames(open_page, daemon, tmp_path):
    path = make_clip(tmp_path / "long.mov", frames=2000, **MPEG4)
    with daemon.client() as client:
        edit = client.create_edit(str(path))
    _store_masks(daemon, edit.id, 2000)
    page = open_page(edit)
    page.wait(f"() => ({STRIP_COLOURS})().red")
    # One column per pixel: each doubtful frame shows in its column, and only there.
    assert page.page.evaluate(STRIP_COLOURS)["amber"] == [0.2, 0.5]
    strip = page.page.locator("#strip").bounding_box()
    page.page.mouse.click(strip["x"] + strip["width"] * 1500.5 / 2000, strip["y"] + 40)
    page.wait_for_text("#frame-number", "frame 1500")
    page.keys("End")
    page.wait_for_text("#frame-number", "frame 1999")
    page.wait("() => performance.getEntriesByName('frame-painted').at(-1)?.detail.frame === 1999")
    page.keys("Shift+D")
    page.wait_for_text("#frame-number", "frame 1000")
    assert page.text("#doubt") == "the object may be hidden"
    page.keys("Shift+D")
    page.wait_for_text("#doubt", "confidence only 40%")
    page.keys("d")
    page.wait_for_text("#frame-number", "frame 1000")
    assert page.page.get_attribute("#strip", "aria-valuetext") == (
        "frame 1000, doubtful: the object may be hidden"
    )


# Where along the strip there is amber, to a tenth; and whether the rest has the target's colour.
STRIP_COLOURS = """() => {
  const canvas = document.getElementById("strip");
  const data = canvas.getContext("2d").getImageData(0, canvas.height - 20, canvas.width, 1).data;
  const amber = new Set();
  let red = 0;
  for (let x = 0; x < canvas.width; x++) {
    const [r, g, b] = data.slice(x * 4, x * 4 + 3);
    if (r > 220 && g > 150 && b < 80) amber.add(Math.round(x / canvas.width * 10) / 10);
    if (r > 220 && g < 120) red++;
  }
  return { amber: [...amber], red: red > canvas.width * 0.9 };
}"""


def _store_masks(daemon, edit_id, frames):
    """Masks as a tracking pass would have left them, in one go: a pass takes minutes."""
    png = png_from_mask(square_mask(0))
    daemon.kill()
    database = open_database(daemon.data_dir / "journal.db")
    with database:
        database.execute("BEGIN")
        database.execute(
            "INSERT INTO targets (edit_id, id, name) VALUES (?, '1', 'square')", (edit_id,)
        )
        database.executemany(
            "INSERT INTO masks (edit_id, target_id, frame_index, revision, png, confidence, doubt) "
            "VALUES (?, '1', ?, 0, ?, ?, ?)",
            [
                (
                    edit_id,
                    k,
                    png,
                    0.4 if k == 400 else 0.9,
                    "the object may be hidden" if k == 1000 else "",
                )
                for k in range(frames)
            ],
        )
    database.close()
    daemon.start()
