"""What the user sees: a window where Resolve allows one, else the console and a browser page.

Pictures cannot be shown in Resolve's own windows, so clicks on the object are always made on the
page that `peanut host` serves; the window holds the settings, the progress and the buttons.
"""

from peanut_davinci.errors import HostError

DELIVERABLES = (
    ("full", "whole frames"),
    ("patch", "patch, transparent elsewhere"),
    ("upscaled", "whole frames, four times the size"),
)


class Console(object):
    """Lines in Resolve's console; questions and progress on the page."""

    def __init__(self, write=print):
        self._write = write
        self._last = ""

    def say(self, text):
        """Write a line."""
        self._write("PEANUT: " + text)

    def ask(self, shot, peanut):
        """What must go from a shot: a dict with `prompts` and `deliver`, or None."""
        return asked_on_page(shot, peanut, self.say)

    def progress(self, event):
        """Take in an event of the pipe."""
        text = progress_text(event)
        if text and text != self._last:
            self._last = text
            self.say(text)

    def wait(self, peanut, request_id):
        """The result of a request; the page has a button that cancels it."""
        return peanut.wait(request_id)

    def close(self):
        """Nothing to close."""


class Panel(object):
    """A window of Resolve's own (`UIManager`)."""

    def __init__(self, ui, dispatcher, write=print):
        self._ui = ui
        self._dispatcher = dispatcher
        self._write = write
        self._window = None
        self._items = None
        self._go = False
        self._hidden = False
        self._cancelled = False

    def say(self, text):
        """Write a line, and show it."""
        self._write("PEANUT: " + text)
        if self._items is not None:
            self._items["Text"].Text = text

    def ask(self, shot, peanut):
        """What must go from a shot: a dict with `prompts`, `deliver` and `take`, or None."""
        self._open()
        self._items["Text"].Text = "{}: frames {} to {} of {}".format(
            shot.name, shot.first, shot.end - 1, shot.path
        )
        self._go = self._hidden = self._cancelled = False
        self._dispatcher.RunLoop()
        if not self._go:
            return None
        wish = asked_on_page(shot, peanut, self.say)
        if wish is not None:
            index = int(self._items["Deliver"].CurrentIndex)
            wish["deliver"] = DELIVERABLES[index][0]
            wish["take"] = bool(self._items["Take"].Checked)
        return wish

    def progress(self, event):
        """Take in an event of the pipe."""
        text = progress_text(event)
        if text and self._items is not None:
            self._items["Text"].Text = text

    def wait(self, peanut, request_id):
        """The result of a request; None if the user closes the window and lets it go on.

        The window's loop must run for its buttons to work, so a timer takes in what comes.
        """
        timer = self._timer()
        if timer is None:  # without one the loop would wait for a click for ever
            return peanut.wait(request_id)
        self._hidden = self._cancelled = False
        outcome = []

        def tick(event=None):
            try:
                peanut.pump()
                if self._cancelled:
                    self._cancelled = False
                    peanut.begin("cancel", of=request_id)
                found = peanut.answer(request_id)
            except HostError as error:
                outcome.append(error)
                self._dispatcher.ExitLoop()
                return
            if found is not None or self._hidden:
                outcome.append(found)
                self._dispatcher.ExitLoop()

        self._dispatcher.On.Timeout = tick
        timer.Start()
        self._dispatcher.RunLoop()
        timer.Stop()
        if outcome and isinstance(outcome[0], HostError):
            raise outcome[0]
        return outcome[0] if outcome else None

    def close(self):
        """Close the window."""
        if self._window is not None:
            self._window.Hide()
            self._window = self._items = None

    def _timer(self):
        make = getattr(self._ui, "Timer", None)
        return make({"ID": "PeanutTick", "Interval": 200}) if callable(make) else None

    def _open(self):
        if self._window is not None:
            return
        ui = self._ui
        self._window = self._dispatcher.AddWindow(
            {"ID": "Peanut", "WindowTitle": "PEANUT", "Geometry": [200, 200, 520, 170]},
            ui.VGroup(
                [
                    ui.Label({"ID": "Text", "WordWrap": True}),
                    ui.ComboBox({"ID": "Deliver"}),
                    ui.CheckBox({"ID": "Take", "Text": "as a take of the clip, not above it"}),
                    ui.HGroup(
                        [
                            ui.Button({"ID": "Go", "Text": "Choose in the browser and remove"}),
                            ui.Button({"ID": "Cancel", "Text": "Cancel"}),
                        ]
                    ),
                ]
            ),
        )
        self._items = self._window.GetItems()
        self._items["Deliver"].AddItems([words for _, words in DELIVERABLES])
        self._window.On.Go.Clicked = self._clicked_go
        self._window.On.Cancel.Clicked = self._clicked_cancel
        self._window.On.Peanut.Close = self._clicked_close
        self._window.Show()

    def _clicked_go(self, event):
        self._go = True
        self._dispatcher.ExitLoop()

    def _clicked_cancel(self, event):
        self._cancelled = True
        if not self._go:
            self._dispatcher.ExitLoop()

    def _clicked_close(self, event):
        self._hidden = True
        self._dispatcher.ExitLoop()


def panel_for(resolve, names, abilities, write=print):
    """The window where this Resolve allows one, else the console.

    `fusion.UIManager` is not touched where the free edition would answer with an offer to buy.
    """
    if not abilities.windows:
        return Console(write)
    fusion = names.get("fusion") or names.get("fu") or resolve.fusion()
    ui = getattr(fusion, "UIManager", None)
    dispatcher = getattr(names.get("bmd"), "UIDispatcher", None)
    if ui is None or not callable(dispatcher):
        return Console(write)
    return Panel(ui, dispatcher(ui), write)


def asked_on_page(shot, peanut, say):
    """Let the user click on the object in the browser; None if they cancel."""

    def opened(event):
        if event["event"] == "page":
            say("click on the object in your browser: " + event["url"])

    request_id = peanut.begin(
        "prompt", opened, clip=shot.path, frames=[shot.first, shot.end], title=shot.name
    )
    try:
        wish = peanut.wait(request_id)
    except HostError as error:
        if error.reason != "CancelledByUserError":
            raise
        say("cancelled")
        return None
    return dict(wish, page=request_id)


def progress_text(event):
    """An event of the pipe for people; empty for those that say nothing to them."""
    kind = event["event"]
    if kind == "tracking":
        return "finding the object: {}/{}".format(event["frames_done"], event["frames_total"])
    if kind == "job":
        total = event["units_total"]
        share = 100 * event["units_done"] // total if total else 0
        return "{} {} %".format(event["stage"] or event["state"], share)
    if kind == "edit" and event.get("review"):
        return "to look closer and correct the mask: " + event["review"]
    if kind == "check":
        return "look at the mask in your browser: is it right?"
    if kind == "starting_daemon":
        return "starting PEANUT"
    return str(event.get("message", "")) if kind == "warning" else ""
