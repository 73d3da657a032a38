"""Plates without weights: true pixels along the flow, exemplar patches for the rest."""

from peanut_models.embedded.eraser.eraser import PropagationEraser

__all__ = ["PropagationEraser"]
