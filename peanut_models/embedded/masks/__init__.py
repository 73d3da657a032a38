"""Masks from points, boxes and painted masks without any download: classical vision on a CPU."""

from __future__ import annotations

from peanut_models.embedded.masks.tracker import ClassicalMaskTracker

__all__ = ["ClassicalMaskTracker"]
