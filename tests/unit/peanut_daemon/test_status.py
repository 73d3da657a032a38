import pytest

from peanut_daemon.errors import PromptError, error_classes, error_named, raise_reported
from peanut_daemon.status import STATUS, is_retryable, status_of

ABSTRACT = {"DaemonError", "ModelError"}


@pytest.mark.parametrize("kind", list(error_classes()), ids=lambda kind: kind.__name__)
def test_every_error_has_a_row_of_its_own(kind):
    assert kind in STATUS or kind.__name__ in ABSTRACT


def test_error_names_are_unique():
    names = [kind.__name__ for kind in error_classes()]
    assert len(names) == len(set(names))


def test_unexpected_errors_have_no_status():
    assert status_of(ZeroDivisionError) is None


def test_a_reported_error_comes_back_as_its_own_class():
    assert error_named("PromptError") is PromptError
    with pytest.raises(PromptError, match="no point"):
        raise_reported("PromptError", "no point", expected=True)


def test_an_unexpected_report_is_not_mistaken_for_ours():
    with pytest.raises(RuntimeError, match="PromptError: oops"):
        raise_reported("PromptError", "oops", expected=False)


def test_retry_advice_follows_the_table():
    assert is_retryable("QueueFullError")
    assert not is_retryable("MediaNotFoundError")
    assert not is_retryable("NoSuchName")
