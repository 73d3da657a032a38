"""What all tests share: checked annotations, one core per process, tables at the end."""

import os
import signal

# A shell starts what runs in its background with Ctrl-C ignored, which the processes under test
# would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Before torch and OpenMP start: with one process per core, more threads are in each other's way.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from jaxtyping import install_import_hook
from support import tables, typecheck

# Shapes and types of array code are checked at run time. Not where a public class checks its
# arguments itself: its own error is what its tests look for.
CHECKED = (
    "peanut_models.cascade",
    "peanut_models.deaot.attention",
    "peanut_models.deaot.engine",
    "peanut_models.deaot.network",
    "peanut_models.deform",
    "peanut_models.evaluation",
    "peanut_models.lama.network",
    "peanut_models.matte",
    "peanut_models.nof_eraser.convert",
    "peanut_models.nof_eraser.decoder",
    "peanut_models.nof_eraser.discriminator",
    "peanut_models.nof_eraser.encoder",
    "peanut_models.nof_eraser.filling",
    "peanut_models.nof_eraser.images",
    "peanut_models.nof_eraser.motion",
    "peanut_models.nof_eraser.network",
    "peanut_models.nof_eraser.patches",
    "peanut_models.nof_eraser.propagation",
    "peanut_models.nof_eraser.reference",
    "peanut_models.nof_eraser.regions",
    "peanut_models.nof_eraser.schedule",
    "peanut_models.nof_eraser.sparse",
    "peanut_models.nof_eraser.transformer",
    "peanut_models.nof_eraser.warping",
    "peanut_models.p_mask.adapters",
    "peanut_models.p_mask.backbone",
    "peanut_models.p_mask.memory",
    "peanut_models.p_mask.network",
    "peanut_models.p_mask.prompts",
    "peanut_models.p_mask.text",
)

install_import_hook(CHECKED, f"{typecheck.__name__}.check")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands its tables over."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["tables"] = dict(tables.TABLES)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object, error: object) -> None:
    """Take a worker's tables over."""
    tables.TABLES.update((getattr(node, "workeroutput", None) or {}).get("tables", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have tabulated."""
    for title, text in tables.TABLES.items():
        terminalreporter.section(title)
        terminalreporter.write_line(text)
