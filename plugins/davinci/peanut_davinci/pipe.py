"""The executable `peanut` at the other end of a pipe: one child process, a JSON object per line."""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading

from peanut_davinci.errors import HostError

PROTOCOL = 1
# Resolve's own paths, which would make the child load Resolve's Python and libraries.
_FOREIGN = (
    "PYTHONHOME",
    "PYTHONPATH",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "FUSION_PYTHON3_HOME",
)
_NO_WINDOW = 0x08000000  # CREATE_NO_WINDOW, which Python 3.6 does not name


class Peanut(object):
    """A running `peanut host`."""

    def __init__(self, command):
        environment = {k: v for k, v in os.environ.items() if k not in _FOREIGN}
        more = {"creationflags": _NO_WINDOW} if sys.platform == "win32" else {}
        if sys.platform != "win32":
            more["start_new_session"] = True  # it outlives Resolve
        self._notes = tempfile.TemporaryFile()  # noqa: SIM115 - the child writes to it
        try:
            self._process = subprocess.Popen(
                list(command) + ["host"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._notes,
                env=environment,
                **more,
            )
        except OSError as error:
            raise HostError(
                "PeanutMissing",
                "PEANUT cannot be started ({}: {})".format(command[0], error.strerror),
                "Run: peanut plugins install davinci",
            )
        self._lines = queue.Queue()
        self._answers = {}
        self._events = {}
        self._next = 0
        reader = threading.Thread(target=self._read)
        reader.daemon = True
        reader.start()
        hello = self.call("hello", protocol=PROTOCOL, host="davinci")
        self.notes = hello.get("notes") or {}
        self.version = hello.get("version", "")

    def begin(self, op, on_event=None, **fields):
        """Send a request; returns its id."""
        self._next += 1
        self._events[self._next] = on_event or (lambda event: None)
        line = json.dumps(dict(fields, id=self._next, op=op)) + "\n"
        try:
            self._process.stdin.write(line.encode("utf-8"))
            self._process.stdin.flush()
        except (OSError, ValueError):
            raise self._gone()
        return self._next

    def pump(self, timeout=0.0):
        """Take in what has come; events go to their functions.

        Raises:
            HostError: the process is gone.
        """
        while True:
            try:
                line = self._lines.get(timeout > 0, timeout)
            except queue.Empty:
                return
            timeout = 0.0
            if line is None:
                raise self._gone()
            message = json.loads(line.decode("utf-8"))
            if "event" in message:
                self._events.get(message["id"], lambda event: None)(message)
            else:
                self._answers[message["id"]] = message

    def answer(self, request_id):
        """The result of a request; None while there is none.

        Raises:
            HostError: it was refused.
        """
        message = self._answers.pop(request_id, None)
        if message is None:
            return None
        self._events.pop(request_id, None)
        if "error" in message:
            error = message["error"]
            raise HostError(error["reason"], error["message"], error.get("hint", ""))
        return message["done"]

    def wait(self, request_id, idle=None):
        """Wait for the result; `idle` is called every fifth of a second."""
        while True:
            found = self.answer(request_id)
            if found is not None:
                return found
            self.pump(0.2)
            if idle is not None:
                idle()

    def call(self, op, on_event=None, idle=None, **fields):
        """Send a request and wait for its result."""
        return self.wait(self.begin(op, on_event, **fields), idle)

    def close(self):
        """Let go; what was started goes on."""
        try:
            self._process.stdin.close()
        except OSError:
            pass

    def _read(self):
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _gone(self):
        self._lines.put(None)  # whoever asks next hears it too
        code = self._process.poll()
        self._notes.seek(0)
        said = self._notes.read().decode("utf-8", "replace").strip().splitlines()
        return HostError(
            "PeanutGone",
            "PEANUT's process has ended (code {}){}".format(code, ": " + said[-1] if said else ""),
            "Try: peanut doctor",
        )
