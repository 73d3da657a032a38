"""Pictures for the page: asked of the decoding process, kept while there is room."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ParamSpec

from peanut_daemon.edits.model import FrozenMask
from peanut_daemon.guard.apart import Apart
from peanut_daemon.media import ClipInfo
from peanut_daemon.review import decoding
from peanut_models.matte import MatteShape

# About a thousand frames of HD; the browser keeps what it was given as well.
CACHE_BYTES = 192 * 2**20

P = ParamSpec("P")


class Frames:
    """Frames of clips as JPEG or PNG.

    Args:
        long_side_px: longest side of the pictures; smaller clips are not enlarged.
        timeout_s: what decoding one frame may take.
    """

    def __init__(self, long_side_px: int, timeout_s: float) -> None:
        self._long_side_px = long_side_px
        self._apart = Apart(timeout_s=timeout_s, processes=1)
        # One at a time: its open files and its place in them are what makes the next frame quick.
        self._turn = asyncio.Lock()
        self._cache: OrderedDict[tuple[Path, str, int], bytes] = OrderedDict()
        self._cached_bytes = 0

    async def jpeg(
        self,
        path: Path,
        version: str,
        frame_index: int,
        *,
        colourspace: str = "",
        deinterlace: bool = False,
    ) -> bytes:
        """One frame of a clip.

        Args:
            path: of the clip.
            version: changes when the file's content does, or how it is read.
            frame_index: in the clip.
            colourspace: as the edit wants the clip read.
            deinterlace: likewise.

        Raises:
            MediaError: the clip cannot be read.
            FrameRangeError: it has no such frame.
        """
        key = (path, version, frame_index)
        if key not in self._cache:
            picture = await self._ask(
                str(path),
                decoding.jpeg,
                path,
                frame_index,
                self._long_side_px,
                colourspace,
                deinterlace,
            )
            self._keep(key, picture)
        self._cache.move_to_end(key)
        return self._cache[key]

    async def patch(self, path: Path, frame_index: int) -> bytes:
        """One frame of a clip with alpha, as PNG; raises as `jpeg`."""
        return await self._ask(str(path), decoding.patch_png, path, frame_index, self._long_side_px)

    async def matte(
        self, clip: ClipInfo, frame_index: int, masks: Sequence[FrozenMask], shape: MatteShape
    ) -> bytes:
        """The matte that these masks of one frame give, as gray PNG."""
        return await self._ask(
            "a mask", decoding.matte_png, clip, frame_index, masks, shape, self._long_side_px
        )

    def close(self) -> None:
        """End the decoding process."""
        self._apart.close()

    async def _ask(
        self, what: str, function: Callable[P, bytes], *args: P.args, **kwargs: P.kwargs
    ) -> bytes:
        async with self._turn:
            asked = asyncio.ensure_future(self._apart.call(what, function, *args, **kwargs))
            try:
                return await asyncio.shield(asked)
            except asyncio.CancelledError:
                # A browser that gives up on a frame must not end the process that decodes it.
                await asyncio.wait([asked])
                raise

    def _keep(self, key: tuple[Path, str, int], picture: bytes) -> None:
        self._cached_bytes += len(picture) - len(self._cache.get(key, b""))
        self._cache[key] = picture
        while self._cached_bytes > CACHE_BYTES and len(self._cache) > 1:
            self._cached_bytes -= len(self._cache.popitem(last=False)[1])
