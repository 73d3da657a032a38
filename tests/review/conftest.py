import pytest
from playwright.sync_api import sync_playwright
from support.browser import ReviewPage, launch, review_address
from support.clips import HEIGHT, WIDTH
from support.daemon import RunningDaemon
from support.scenes import make_square_clip

FRAMES = 10


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with RunningDaemon(
        tmp_path_factory.mktemp("data"), window_frames=8, context_frames=2
    ) as running:
        yield running


@pytest.fixture(scope="module")
def context(browser, daemon):
    """A browser that was let in."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.goto(review_address(daemon.data_dir))
    page.close()
    yield context
    context.close()


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_square_clip(tmp_path_factory.mktemp("clips") / "square.mov", frames=FRAMES)


@pytest.fixture
def edit(daemon, clip):
    with daemon.client() as client:
        return client.create_edit(str(clip))


@pytest.fixture
def open_page(context, daemon):
    """Opens pages; afterwards none may have had an error of its own."""
    opened = []

    def open_edit(edit, size=(WIDTH, HEIGHT)) -> ReviewPage:
        origin = review_address(daemon.data_dir).split("/enter")[0]
        page = ReviewPage(context.new_page(), size)
        opened.append(page)
        page.page.goto(f"{origin}/edits/{edit.id}")
        page.wait_until_connected()
        return page

    yield open_edit
    troubles = [trouble for page in opened for trouble in page.troubles]
    for page in opened:
        page.page.close()
    assert not troubles


@pytest.fixture
def page(open_page, edit):
    return open_page(edit)
