"""Print what this version and edition of Resolve can do."""

import sys

PEANUT_FOLDER = "@PEANUT_FOLDER@"
if PEANUT_FOLDER not in sys.path:
    sys.path.insert(0, PEANUT_FOLDER)

from peanut_davinci.launch import run  # noqa: E402 - found through the line above

run("check", globals(), PEANUT_FOLDER)
