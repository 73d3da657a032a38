"""Pictures of the matte's edge, the grain and the patch, of the shot that ships: for the docs.

    uv run python benchmarks/edge_pictures.py

Writes docs/images/deliverables/*.jpg. Runs on the true masks; takes two minutes on two cores.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

import peanut_daemon.demo
from peanut_daemon.deliverable import ChosenModel
from peanut_daemon.edits.edge_sheet import ENLARGED, edge_sheet, longest_edge, titled
from peanut_daemon.edits.matte import frozen_matte
from peanut_daemon.edits.model import FrozenMask
from peanut_daemon.media import ClipReader, png_from_mask, probe
from peanut_daemon.media.masks import mask_from_png
from peanut_daemon.worker.backends import Backends
from peanut_models.cascade import fill_window
from peanut_models.grain import add_missing_grain, measure_grain
from peanut_models.matte import MatteShape
from peanut_models.ranges import FrameRange, Window

SHOT = Path(peanut_daemon.demo.__file__).parent
OUT = Path(__file__).resolve().parents[1] / "docs" / "images" / "deliverables"
FRAMES = FrameRange(0, 48)
SHOWN = 20
GRAIN_SIGMA = 7
"""In 8-bit code values: the shot itself is clean, so that the match can be seen it gets grain."""
SHAPE = MatteShape(grow_px=4, feather_px=2, refine_px=0)
CELL_PX = (112, 84)

Picture = UInt8[ndarray, "h w 3"]


def main() -> None:
    """Make all pictures."""
    OUT.mkdir(parents=True, exist_ok=True)
    clip = probe(next(SHOT.glob("clip.*")))
    with ClipReader.of(clip) as reader:
        frames = np.stack([reader.read(k).to_rgb() for k in FRAMES])
    with zipfile.ZipFile(SHOT / "masks.zip") as archive:
        masks = [_proxy(mask_from_png(archive.read(f"{k:05d}.png"))) for k in FRAMES]
    at = SHOWN - FRAMES.start
    sheets = [edge_sheet(clip, {SHOWN: [masks[at]]}, replace(SHAPE, refine_px=px)) for px in (0, 6)]
    _write("matte-edge", [_picture(png) for png in sheets])

    mattes = np.stack(
        [frozen_matte([mask], SHAPE, frames.shape[1:3], lambda: frames[0]) for mask in masks]
    )
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(
        rng.standard_normal((len(frames) * frames.shape[1], *frames.shape[2:])), (0, 0), 0.6
    )
    noise *= GRAIN_SIGMA / noise.std()
    grainy = np.clip(np.rint(frames + noise.reshape(frames.shape)), 0, 255).astype(np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        eraser = Backends(Path(folder), "cpu", ()).eraser(
            ChosenModel("embedded/propagation"), 1, ChosenModel("embedded/lanczos"), 1
        )
        whole = FrameRange(0, len(frames))
        window = Window(index=0, core=whole, span=whole)
        clean = fill_window(eraser, window, frames, mattes > 0, None).frames[at]
    # A fill without any grain, as a network makes it; the surround has that of the film.
    hole, weight = mattes[at] > 0, mattes[at][..., None] / 255
    grain = measure_grain(grainy, mattes > 0)
    assert grain is not None
    smooth = np.where(hole[..., None], clean, grainy[at])
    matched = add_missing_grain(smooth, hole, grain, "picture")
    shown = [
        np.rint(grainy[at] * (1 - weight) + p * weight).astype(np.uint8) for p in (smooth, matched)
    ]
    place = longest_edge(mattes[at], CELL_PX)
    labels = "400 %: source with grain, fill without grain, fill with the source's grain"
    _write("grain", [titled(labels, [_large(p[place]) for p in (grainy[at], *shown)])])

    patch = np.rint(frames[at] * (1 - weight) + clean * weight).astype(np.uint8)
    alpha = np.repeat(mattes[at][..., None], 3, axis=2)
    labels = "400 %: source, the patch's alpha, patch over source"
    _write("patch", [titled(labels, [_large(p[place]) for p in (frames[at], alpha, patch)])])


def _proxy(mask: ndarray) -> FrozenMask:
    """A mask as a proxy of a third of the size gives it."""
    small = cv2.resize(
        mask.astype(np.float32), None, fx=1 / 3, fy=1 / 3, interpolation=cv2.INTER_AREA
    )
    return FrozenMask(png_from_mask(np.asarray(small >= 0.5)))


def _picture(png: bytes) -> Picture:
    decoded = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(decoded[..., ::-1], np.uint8)


def _large(picture: Picture) -> Picture:
    return picture.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)


def _write(name: str, rows: Sequence[Picture]) -> None:
    options = [cv2.IMWRITE_JPEG_QUALITY, 80]
    path = OUT / f"{name}.jpg"
    path.write_bytes(cv2.imencode(".jpg", np.concatenate(rows)[..., ::-1], options)[1].tobytes())


if __name__ == "__main__":
    main()
