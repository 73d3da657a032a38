"""The process that hosts talk to: keeper of edits and jobs, owner of the worker."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("peanut")
except PackageNotFoundError:  # run from a folder that was never installed
    __version__ = "0.0.0"
