"""Memory that a host shares with the daemon on the same machine, so that frames are not copied.

```
with PeanutClient() as client, SharedRegion(client, size_bytes) as region:
    region.memory[:frame_bytes] = frame      # the host renders straight into it
    hosts.PutHostFrames(iter([PutHostFramesRequest(..., region=region.rows())]))
```
"""

from __future__ import annotations

import mmap
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from peanut.v1 import hosts_pb2, hosts_pb2_grpc
from peanut_client.client import PeanutClient
from peanut_client.errors import PeanutError, mapped_errors

# Untyped: see connection.py.
_HostServiceStub: Any = hosts_pb2_grpc.HostServiceStub


class SharedRegion:
    """A region of shared memory, held until it is closed or this process ends.

    Attributes:
        memory: the region, mapped.

    Raises:
        PeanutError: the daemon refuses it, or lies on another machine. Send chunks then.
    """

    def __init__(self, client: PeanutClient, size_bytes: int) -> None:
        info = client.connection_info
        request = hosts_pb2.HoldRegionRequest(size_bytes=size_bytes)
        stub = _HostServiceStub(client.channel)
        self._call: Any = stub.HoldRegion(request, metadata=info.metadata)
        with mapped_errors():
            held: hosts_pb2.HoldRegionResponse = next(self._call)
        self._id = held.region_id
        try:
            with Path(held.path).open("r+b") as file:
                self.memory = mmap.mmap(file.fileno(), size_bytes)
        except OSError as error:
            self._call.cancel()
            raise PeanutError(
                "RegionUnreachableError",
                f"the daemon's shared memory {held.path} cannot be mapped ({error.strerror}): it "
                "runs on another machine, or as another user; send chunks instead",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def rows(self, offset: int = 0, stride: int = 0) -> hosts_pb2.RegionRows:
        """The place of a picture in it, as calls name it."""
        return hosts_pb2.RegionRows(region_id=self._id, offset=offset, stride=stride)

    def close(self) -> None:
        """Give it back."""
        self._call.cancel()
        self.memory.close()
