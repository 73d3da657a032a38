"""StoreService."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peanut.v1 import store_pb2, store_pb2_grpc
from peanut_daemon.errors import InvalidRequestError
from peanut_daemon.jobs.housekeeping import Housekeeping


class StoreService(store_pb2_grpc.StoreServiceServicer):
    """The store of computed windows: look, clean."""

    def __init__(self, folder: Path, housekeeping: Housekeeping) -> None:
        self._folder = folder
        self._housekeeping = housekeeping

    async def GetStore(  # noqa: N802
        self, request: store_pb2.GetStoreRequest, context: Any
    ) -> store_pb2.GetStoreResponse:
        """Say what the store holds."""
        return store_pb2.GetStoreResponse(store=self._message())

    async def CleanStore(  # noqa: N802
        self, request: store_pb2.CleanStoreRequest, context: Any
    ) -> store_pb2.CleanStoreResponse:
        """Delete what may go."""
        budget = request.budget_bytes if request.HasField("budget_bytes") else None
        if budget is not None and budget < 0:
            raise InvalidRequestError(f"budget_bytes is {budget}: it must be 0 or more")
        cleaned = await self._housekeeping.clean(budget)
        return store_pb2.CleanStoreResponse(
            store=self._message(),
            removed_artifacts=cleaned.artifacts,
            removed_leftovers=cleaned.leftovers,
            freed_bytes=cleaned.freed_bytes,
        )

    def _message(self) -> store_pb2.Store:
        state = self._housekeeping.state()
        return store_pb2.Store(
            folder=str(self._folder),
            artifacts=state.artifacts,
            size_bytes=state.size_bytes,
            needed_bytes=state.needed_bytes,
            budget_bytes=state.budget_bytes,
            free_bytes=state.free_bytes,
        )
