"""The page in a real Chromium: from a click to the result."""

import pytest
from support.scenes import ground, square_centre

from peanut.v1 import edits_pb2

# The square is red (220, 30, 30); a veil of the first target's red makes it no less red.
RED = "r > 190 && g < 120 && b < 120"


def behind(x, y, frame_index=0):
    """What is behind the square there, as far as a filled-in picture can know."""
    red, green, blue = ground(10)[frame_index][y, x]
    return f"Math.abs(r - {red}) + Math.abs(g - {green}) + Math.abs(b - {blue}) < 90"


def inside(frame_index=0):
    """On the square, and beside the mark of a click on its middle."""
    x, y = square_centre(frame_index)
    return x + 3, y + 3


def clicked(page, frame_index=0):
    page.click(*square_centre(frame_index))
    page.wait_until_tracked()


def test_click_paints_the_mask_and_tracks_outwards(page):
    page.keys("5")  # cut-out: what is outside the mask is gone
    page.wait_for_colour(*inside(0), "r < 60")
    page.click(*square_centre(0))
    page.wait_for_colour(*inside(0), RED)
    page.wait_until_tracked()
    target = page.state()["targets"][0]
    assert (target["mask_frames"], target["pending"], target["locked"]) == (10, [], [0])
    page.keys("End")
    page.wait_for_colour(*inside(9), RED)
    page.wait_for_colour(4, 40, "r < 60")


def test_correction_on_a_later_frame_is_locked_undone_and_redone(page):
    clicked(page)
    for _ in range(6):
        page.keys("ArrowRight")
    page.wait_for_text("#frame-said", "Frame 6: nothing said here")
    clicked(page, 6)
    page.wait_for_text("#frame-said", "Frame 6: 1 click, locked")
    assert page.state()["targets"][0]["locked"] == [0, 6]
    page.keys("z")
    page.wait_for_text("#frame-said", "Frame 6: nothing said here")
    assert page.state()["targets"][0]["locked"] == [0]
    page.keys("Shift+Z")
    page.wait_for_text("#frame-said", "locked")
    page.keys("Delete")
    page.wait_for_text("#frame-said", "Frame 6: nothing said here")


def test_alt_click_leaves_out(page):
    clicked(page)
    page.click(40, 8, alt=True)
    page.wait_for_text("#frame-said", "2 clicks")
    assert [p["positive"] for p in page.state()["targets"][0]["prompts"]] == [True, False]


def test_approve_render_and_wipe(page, tmp_path):
    clicked(page)
    page.page.click("#approve")
    page.wait_for_text("#approval", "Approved: grown 4 px, feather 2 px")
    approval = page.state()["approval"]
    assert page.page.get_attribute("#approval code", "title") == approval["hash"]
    page.page.fill("#path", str(tmp_path / "out.mkv"))
    page.page.click("#render")
    page.wait_for_text("#jobs .state", "done")
    report = page.page.evaluate(
        "async () => (await fetch(document.querySelector('#jobs a').href + '.json')).json()"
    )
    assert report["job_id"] == page.page.get_attribute("#jobs li", "data-job")
    with page.page.context.expect_page() as opened:
        page.page.click("#jobs a")
    assert report["job_id"] in opened.value.content()
    opened.value.close()
    page.page.click("#jobs .compare")
    x, y = inside(4)
    page.keys("Home", *["ArrowRight"] * 4)
    # The line is dragged over the square: it is there on the left, and gone on the right.
    page.drag((32, 24), (62, 24))
    page.wait_for_colour(x, y, RED)
    page.drag((62, 24), (2, 24))
    page.wait_for_colour(x, y, behind(x, y, 4))
    page.keys("1")
    page.wait_for_colour(x, y, RED)
    page.keys("6")
    page.wait_for_colour(x, y, behind(x, y, 4))


def test_patch_is_shown_over_the_source(page, tmp_path):
    clicked(page)
    page.page.click("#approve")
    page.wait_for_text("#approval", "Approved")
    page.page.select_option("#deliverable", "patch")
    assert page.page.is_disabled("#codec option[value=h264]")
    page.page.fill("#path", str(tmp_path / "patch.mkv"))
    page.page.click("#render")
    page.wait_for_text("#jobs .state", "done")
    page.keys("1")
    page.wait_for_colour(*inside(0), RED)
    outside = page.colour(50, 40)
    page.keys("6")
    page.wait_for_colour(*inside(0), behind(*inside(0)))
    assert page.colour(50, 40) == outside


def test_a_render_is_cancelled_and_resumed(page, tmp_path):
    clicked(page)
    page.page.click("#approve")
    page.wait_for_text("#approval", "Approved")
    page.page.select_option("#deliverable", "upscaled")  # the longest
    page.page.fill("#path", str(tmp_path / "out.mkv"))
    page.page.evaluate(CANCEL_AT_ONCE)
    page.page.click("#render")
    page.wait_for_text("#jobs .state", "cancelled")
    assert not (tmp_path / "out.mkv").exists()
    page.page.click("#jobs .resume")
    page.wait_for_text("#jobs .state", "done")
    assert (tmp_path / "out.mkv").is_file()


# Faster than a hand: tiny clips are rendered before Playwright has moved the pointer.
CANCEL_AT_ONCE = """() => new MutationObserver((_, observer) => {
  const cancel = document.querySelector("#jobs .cancel:not([hidden])");
  if (cancel) { observer.disconnect(); cancel.click(); }
}).observe(document.getElementById("jobs"), { subtree: true, childList: true, attributes: true })"""


def test_refusals_are_shown_where_they_happen(page, tmp_path):
    page.page.fill("#words", "the red square")
    page.page.click("#say button")
    page.wait_for_text("#target-error", "needs a model that understands it")
    page.click(*square_centre(0), alt=True)
    page.wait_for_text("#target-error", "no prompt says where the target is")
    clicked(page)
    assert page.text("#target-error") == ""
    page.page.click("#approve")
    page.wait_for_text("#approval", "Approved")
    page.page.fill("#path", str(tmp_path / "no-such" / "out.mkv"))
    page.page.click("#render")
    page.wait_for_text("#render-error", "does not exist")


def test_box_brush_and_eraser(page):
    page.keys("b")
    page.drag((2, 16), (18, 32))
    page.wait_for_text("#frame-said", "1 box")
    page.wait_until_tracked()
    page.keys("p", "5")
    page.drag((50, 40), (58, 40))
    page.wait_for_text("#frame-said", "1 painted mask")
    page.wait_for_colour(54, 40, "Math.abs(r - 43) > 3")  # the ground is #2b2b2b
    page.wait_for_colour(*inside(0), RED)  # the mask that was there is part of the painting
    page.keys("e")
    page.drag(square_centre(0), square_centre(0))
    page.wait_for_colour(*inside(0), "r === 43 && g === 43")
    # A click would change nothing on a painted frame: it is refused with the reason.
    page.keys("a")
    page.click(*square_centre(0))
    page.wait_for_text("#target-error", "is painted")


def test_targets_have_names_and_can_be_left_out(page):
    clicked(page)
    page.page.fill(".target input[type=text]", "the square")
    page.keys("Enter")
    page.keys("n")
    page.page.wait_for_selector(".target:nth-child(2).active")
    page.click(56, 42)
    page.wait("() => document.querySelectorAll('.target').length === 2")
    page.wait_until_tracked()
    assert [t["name"] for t in page.state()["targets"]] == ["the square", ""]
    page.page.click("#approve")
    page.wait_for_text("#approval", "Approved")
    both = page.state()["approval"]["hash"]
    page.page.uncheck(".target:nth-child(2) input[type=checkbox]")
    page.wait_for_text("#approval", "Every frame has its mask")
    page.page.click("#approve")
    page.wait_for_text("#approval", "Approved")
    assert page.state()["approval"]["hash"] != both
    page.page.click(".target:nth-child(2) button")
    page.wait("() => document.querySelectorAll('.target').length === 1")


def test_the_matte_view_is_the_matte_that_approval_gives(page):
    clicked(page)
    page.page.fill("#grow", "6")
    page.page.fill("#feather", "0")
    page.keys("Enter")
    page.page.locator("#picture").focus()
    page.keys("4")
    x, y = square_centre(0)
    page.wait_for_colour(x + 3, y + 3, "r === 255 && g === 255")
    page.wait_for_colour(x, y - 10, "r === 255")  # six above the square and four of half its side
    page.wait_for_colour(x, y - 16, "r === 0")


def test_keys_play_shuttle_and_mark(page):
    page.keys("ArrowRight", "ArrowRight", "i", "ArrowRight", "ArrowRight", "o", "r")
    page.keys(" ")
    page.page.wait_for_selector("#play[aria-label=Stop]")
    # It loops between the marks: frame 2 comes again after frame 4.
    page.wait("() => (window.seen ??= new Set()).add(frameNow()).size >= 3 && seen.has('frame 2')")
    page.keys("k")
    page.page.wait_for_selector("#play[aria-label=Play]")
    seen = set(page.page.evaluate("() => [...seen]"))
    assert seen <= {"frame 2", "frame 3", "frame 4"}
    page.keys("x", "End", "r", "j")
    page.wait_for_text("#frame-number", "frame 0")
    page.keys("Home", "l")
    page.wait_for_text("#frame-number", "frame 9")
    page.keys("?")
    assert page.page.is_visible("#help")
    page.keys("Escape")
    assert not page.page.is_visible("#help")


@pytest.fixture(autouse=True)
def _frame_now(context):
    context.add_init_script(
        "window.frameNow = () => document.getElementById('frame-number').textContent"
    )


def test_wheel_zooms_to_the_pointer(page):
    x, y = square_centre(0)
    page.keys("1")
    page.wait_for_colour(x, y, RED)
    page.page.mouse.move(*page.place(x, y))
    page.page.mouse.wheel(0, -1200)
    far = page.place(x + 12, y)  # outside the square before, inside when it is large
    page.wait(
        "(at) => { const canvas = document.getElementById('picture'); "
        "const box = canvas.getBoundingClientRect(); "
        "const [r, g] = canvas.getContext('2d')"
        ".getImageData(at[0] - box.left, at[1] - box.top, 1, 1).data; return r > 190 && g < 120; }",
        list(far),
    )
    page.keys("f")
    page.wait_for_colour(x + 12, y, behind(x + 12, y))


def test_what_another_client_does_is_seen(page, daemon, edit):
    x, y = square_centre(0)
    prompt = edits_pb2.Prompt(point=edits_pb2.PointPrompt(x_px=x, y_px=y))
    with daemon.client() as client:
        for _ in client.track_masks(edit.id, [edits_pb2.Target(id="1", prompts=[prompt])]):
            pass
        page.wait_until_tracked()
        client.approve_masks(edit.id, grow_px=3, feather_px=1)
    page.wait_for_text("#approval", "Approved: grown 3 px, feather 1 px")
    assert page.page.title() == "square.mov: PEANUT review"
