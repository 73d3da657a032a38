"""The loop of `peanut host`: one thread per request that takes time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from peanut_client.cli.documents import message_document
from peanut_client.cli.hosting.page import PromptPage
from peanut_client.cli.hosting.start import CancelledByUserError, start, watch
from peanut_client.cli.hosting.tickets import Tickets
from peanut_client.cli.hosting.wire import Wire, field, parse
from peanut_client.client import PeanutClient
from peanut_client.config import load_settings
from peanut_client.errors import PeanutError

PROTOCOL = 1


def serve(
    lines: Iterable[str], out: TextIO, *, version: str, open_page: Callable[[str], object]
) -> None:
    """Answer requests until the lines end, and then until all that was started is on its way.

    Args:
        lines: requests.
        out: where answers go.
        version: of PEANUT, for `hello`.
        open_page: shows an address to the user.
    """
    session = _Session(Wire(out), version, open_page)
    for line in lines:
        if line.strip() and not session.take(line):
            break
    session.finish()


class _Session:
    def __init__(self, wire: Wire, version: str, open_page: Callable[[str], object]) -> None:
        self._wire = wire
        self._version = version
        self._open_page = open_page
        self._data_dir = load_settings().data_dir
        self._host = "davinci"
        self._running: dict[Any, threading.Event] = {}
        self._starts: list[threading.Thread] = []
        self._pages: dict[Any, PromptPage] = {}

    def take(self, line: str) -> bool:
        """Answer one request, or start a thread that will; False after `bye`."""
        request_id = None
        try:
            request = parse(line)
            request_id = request.get("id")
            if request["op"] == "bye":
                self._wire.done(request_id, {})
                return False
            self._dispatch(request_id, request)
        except PeanutError as error:
            self._wire.error(request_id, error)
        return True

    def finish(self) -> None:
        """Let starts reach the daemon; end everything else."""
        for thread in self._starts:
            thread.join()
        for page in self._pages.values():
            page.on_cancel = _nothing
            page.cancel()
            page.close()

    def _dispatch(self, request_id: Any, request: dict[str, Any]) -> None:
        slow = {"prompt": self._prompt, "start": self._start, "watch": self._watch}
        quick = {
            "hello": self._hello,
            "cancel": self._cancel,
            "cancel_job": self._cancel_job,
            "tickets": self._list_tickets,
            "settle": self._settle,
            "forget": self._forget,
            "note": self._note,
        }
        op = request["op"]
        if op in quick:
            self._wire.done(request_id, quick[op](request))
            return
        if op not in slow:
            raise PeanutError(
                "InvalidRequestError",
                f"op {op!r} is not known: one of {', '.join(sorted([*quick, *slow, 'bye']))}",
            )
        cancelled = self._running[request_id] = threading.Event()
        thread = threading.Thread(
            target=self._run, args=(slow[op], request_id, request, cancelled), daemon=op != "start"
        )
        if op == "start":
            self._starts.append(thread)
        thread.start()

    def _run(
        self,
        work: Callable[[Any, dict[str, Any], threading.Event], dict[str, Any]],
        request_id: Any,
        request: dict[str, Any],
        cancelled: threading.Event,
    ) -> None:
        try:
            self._wire.done(request_id, work(request_id, request, cancelled))
        except PeanutError as error:
            self._wire.error(request_id, error)
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
            self._wire.error(request_id, PeanutError("InternalError", message))
        finally:
            self._running.pop(request_id, None)

    # --- quick ---

    def _hello(self, request: dict[str, Any]) -> dict[str, Any]:
        wanted = field(request, "protocol", int)
        if wanted != PROTOCOL:
            raise PeanutError(
                "VersionMismatchError",
                f"the plugin speaks protocol {wanted} and this peanut {PROTOCOL}: run "
                "peanut plugins install davinci",
            )
        self._host = field(request, "host", str, "davinci")
        return {
            "protocol": PROTOCOL,
            "version": self._version,
            "data_dir": str(self._data_dir),
            "notes": self._tickets.notes(),
        }

    @property
    def _tickets(self) -> Tickets:
        return Tickets(self._data_dir, self._host)

    def _cancel(self, request: dict[str, Any]) -> dict[str, Any]:
        running = self._running.get(request.get("of"))
        if running is not None:
            running.set()
        page = self._pages.get(request.get("of"))
        if page is not None:
            page.cancel()
        return {"was_running": running is not None}

    def _cancel_job(self, request: dict[str, Any]) -> dict[str, Any]:
        with PeanutClient() as client:
            return {"job": message_document(client.cancel_job(field(request, "job_id", str)))}

    def _list_tickets(self, request: dict[str, Any]) -> dict[str, Any]:
        tickets = self._tickets.all()
        if not tickets:
            return {"tickets": []}
        with PeanutClient() as client:
            jobs = {job.id: message_document(job) for job in client.list_jobs()}
        return {"tickets": [t | {"job": jobs.get(t["job_id"])} for t in tickets]}

    def _settle(self, request: dict[str, Any]) -> dict[str, Any]:
        job_id = field(request, "job_id", str)
        ticket = self._tickets.read(job_id) | {"placed": request.get("placed")}
        self._tickets.write(job_id, ticket)
        return {"ticket": ticket}

    def _forget(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"forgotten": self._tickets.forget(field(request, "job_id", str))}

    def _note(self, request: dict[str, Any]) -> dict[str, Any]:
        self._tickets.note(field(request, "key", str), request.get("value"))
        return {}

    # --- slow ---

    def _prompt(
        self, request_id: Any, request: dict[str, Any], cancelled: threading.Event
    ) -> dict[str, Any]:
        first, end = field(request, "frames", list)
        page = PromptPage(
            field(request, "clip", str), (int(first), int(end)), field(request, "title", str, "")
        )
        page.open()
        self._pages[request_id] = page
        self._wire.event(request_id, "page", url=page.url)
        if field(request, "open", bool, True):
            self._open_page(page.url)
        answer = page.ask()
        if answer is None or cancelled.is_set():
            self._pages.pop(request_id, None)
            page.close()
            raise CancelledByUserError("nothing was chosen to remove")
        return {name: answer[name] for name in ("prompts", "deliver", "take")}

    def _start(
        self, request_id: Any, request: dict[str, Any], cancelled: threading.Event
    ) -> dict[str, Any]:
        page = self._pages.get(request.get("page"))
        wants_check = field(request, "check", bool, page is not None)
        check = page.check if page is not None and wants_check else None
        with self._told(request_id, request, cancelled) as tell:
            return start(request, self._tickets, cancelled, tell, check)

    def _watch(
        self, request_id: Any, request: dict[str, Any], cancelled: threading.Event
    ) -> dict[str, Any]:
        with self._told(request_id, request, cancelled) as tell:
            answer = watch(field(request, "job_id", str), cancelled, tell)
            page = self._pages.get(request.get("page"))
            if page is not None:
                page.report("Done: the result goes into the timeline now.", ended=True)
            return answer

    @contextmanager
    def _told(
        self, request_id: Any, request: dict[str, Any], cancelled: threading.Event
    ) -> Iterator[Callable[..., None]]:
        """Progress goes to the host, and to the page on which the user said what to remove."""
        page = self._pages.get(request.get("page"))
        if page is not None:
            page.on_cancel = cancelled.set

        def tell(event: str, **fields: Any) -> None:
            self._wire.event(request_id, event, **fields)
            if page is not None:
                page.report(*_words(event, fields))

        try:
            yield tell
        except PeanutError as error:
            if page is not None:
                page.report(error.message, ended=True)
            raise


def _nothing() -> None:
    """What a page cancels when the host goes away: jobs go on."""


def _words(event: str, fields: dict[str, Any]) -> tuple[str, int, int]:
    if event == "tracking":
        return "finding the object", fields["frames_done"], fields["frames_total"]
    if event == "job":
        return "removing it", fields["units_done"], fields["units_total"]
    return str(fields.get("message", event.replace("_", " "))), 0, 0
