"""Whose work is in hand, and how the log says so."""

import json
import logging

import pytest

from peanut_daemon import context, log


@pytest.mark.parametrize(
    ("metadata", "peer", "name"),
    [
        ({"peanut-client": "ann@studio-3"}, "unix:", "ann@studio-3"),
        ({}, "ipv4:127.0.0.1:51234", "ipv4:127.0.0.1:51234"),
        ({"peanut-client": ""}, "unix:", "unix:"),
        ({"peanut-client": "two\nlines {and more}"}, "unix:", "two_lines__and_more_"),
        ({"peanut-client": "x" * 500}, "unix:", "x" * context.LONGEST_NAME),
    ],
)
def test_a_client_is_what_it_calls_itself_else_where_it_calls_from(metadata, peer, name):
    assert context.client_of(metadata, peer) == name


@pytest.fixture
def written(capsys):
    """What the log has written since; afterwards it is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield lambda: capsys.readouterr().err
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_in_json_has_what_programs_look_for(written):
    log.configure("INFO", log.JSON)
    with context.about(job_id="j1", client="ann"):
        try:
            raise ValueError("a \u201cquoted\u201d reason")
        except ValueError:
            logging.getLogger("peanut.x").exception("failed on %d", 7)
    logging.getLogger("peanut.x").info("no job here")
    of_job, of_none = map(json.loads, written().splitlines())
    assert (of_job["job_id"], of_job["client"], of_job["level"]) == ("j1", "ann", "ERROR")
    assert of_job["message"] == "failed on 7"
    assert of_job["exception"].endswith("ValueError: a \u201cquoted\u201d reason")
    assert "job_id" not in of_none and "client" not in of_none


def test_a_line_of_text_has_them_too(written):
    log.configure("INFO")
    with context.about(job_id="j1", client="ann"):
        logging.getLogger("peanut.x").info("moved")
    assert written().endswith(" j1 ann peanut.x: moved\n")
