"""Where PEANUT is, as the installer wrote it down."""

import io
import json
import os

from peanut_davinci.errors import HostError


def command_in(folder):
    """What starts `peanut`, as the installer wrote it down.

    Raises:
        HostError: nothing is written there.
    """
    try:
        with io.open(os.path.join(folder, "install.json"), encoding="utf-8") as file:
            command = json.load(file)["command"]
    except (OSError, ValueError, KeyError):
        raise HostError(
            "NotInstalled",
            "{} does not say where PEANUT is".format(folder),
            "Run: peanut plugins install davinci",
        )
    return [str(word) for word in command]
