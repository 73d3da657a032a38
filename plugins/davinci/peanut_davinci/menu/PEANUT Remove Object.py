"""Choose clips in the timeline, say what must go, get a clip above them."""

import sys

PEANUT_FOLDER = "@PEANUT_FOLDER@"
if PEANUT_FOLDER not in sys.path:
    sys.path.insert(0, PEANUT_FOLDER)

from peanut_davinci.launch import run  # noqa: E402 - found through the line above

run("remove", globals(), PEANUT_FOLDER)
