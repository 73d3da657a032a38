"""The Python client of the PEANUT daemon, and the command line `peanut`.

    from peanut_client import PeanutClient, frame_range

    with PeanutClient() as client:
        edit = client.create_edit("/clips/shot.mov", frame_range(0, 48))
        ...

Needs grpc and protobuf only, so that it runs inside hosts.
"""

from __future__ import annotations

from peanut_client.client import ENDED_STATES, PeanutClient, frame_range
from peanut_client.config import API_MINOR, Settings, load_settings
from peanut_client.connection import Connection, ConnectionInfo, connect, read_connection_file
from peanut_client.errors import DaemonUnavailableError, PeanutError, error_from_message

__all__ = [
    "API_MINOR",
    "ENDED_STATES",
    "Connection",
    "ConnectionInfo",
    "DaemonUnavailableError",
    "PeanutClient",
    "PeanutError",
    "Settings",
    "connect",
    "error_from_message",
    "frame_range",
    "load_settings",
    "read_connection_file",
]
