"""Shapes and types of array code are checked at run time under tests.

Not where a public class checks its arguments itself: its own error is what its tests look for.
"""

from jaxtyping import install_import_hook
from support import typecheck

CHECKED = (
    "peanut_models.cascade",
    "peanut_models.deform",
    "peanut_models.evaluation",
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
