"""What the benchmarks of a whole daemon share: its process, small clips, and renders of them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np

from peanut.v1 import edits_pb2, jobs_pb2
from peanut_client import PeanutClient, load_settings

SMALL = (64, 48)
SEED = 7
# Frames that a render commits at once, and those that it sees on each side.
WINDOW, CONTEXT = 8, 4


def make_clip(path: Path, size: tuple[int, int], frames: int) -> None:
    """A block that moves over a noisy ground."""
    width, height = size
    ground = np.random.default_rng(SEED).integers(60, 140, (height, width, 3), np.uint8)
    ground = cv2.GaussianBlur(ground, (0, 0), 1.5).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for k in range(frames):
            image = ground.copy()
            left, top, block_width, block_height = block_at(size, k)
            image[top : top + block_height, left : left + block_width] = (220, 30, 30)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


def block_at(size: tuple[int, int], frame_index: int) -> tuple[int, int, int, int]:
    """Left, top, width and height of the block."""
    width, height = size
    return width // 6 + frame_index % (width // 3), height // 3, width // 4, height // 3


def painted(
    size: tuple[int, int], frame_index: int, grown_px: int, speck: int = 0
) -> edits_pb2.Prompt:
    """The block of one frame as a painted mask, larger by a few pixels, and a pixel elsewhere."""
    left, top, block_width, block_height = block_at(size, frame_index)
    mask = np.zeros((size[1], size[0]), np.uint8)
    bottom, right = top + block_height + grown_px, left + block_width + grown_px
    mask[max(0, top - grown_px) : bottom, max(0, left - grown_px) : right] = 255
    mask.flat[speck % mask.size] = 255
    png = cv2.imencode(".png", mask)[1].tobytes()
    return edits_pb2.Prompt(frame_index=frame_index, mask=edits_pb2.MaskPrompt(png=png))


class Daemon:
    """A daemon of its own for the benchmark."""

    def __init__(self, folder: Path, *, workers: int) -> None:
        self._folder = folder
        folder.mkdir()
        environment = os.environ | {
            "PEANUT_WINDOW_FRAMES": str(WINDOW),
            "PEANUT_CONTEXT_FRAMES": str(CONTEXT),
            "PEANUT_WORKERS": str(workers),
        }
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "peanut_daemon", "--data-dir", str(folder / "data")],
                env=environment,
                stdout=log,
                stderr=log,
            )
        self.pid = self._process.pid
        while not (folder / "data" / "daemon.json").is_file():
            time.sleep(0.1)

    def client(self, name: str) -> PeanutClient:
        """A client that calls itself so."""
        given = {"PEANUT_DATA_DIR": str(self._folder / "data"), "PEANUT_CLIENT_NAME": name}
        return PeanutClient(start=False, settings=load_settings(given))

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()


def start(
    client: PeanutClient, clip: Path, prompts: Sequence[edits_pb2.Prompt], output: Path
) -> jobs_pb2.Job:
    """An edit with painted masks, approved, and its render."""
    edit = client.create_edit(str(clip))
    for _ in client.track_masks(edit.id, [edits_pb2.Target(id="1", prompts=prompts)]):
        pass
    client.approve_masks(edit.id, grow_px=1, feather_px=1)
    return client.start_render(edit.id, str(output), overwrite=True)
