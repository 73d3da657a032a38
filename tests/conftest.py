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
)

install_import_hook(CHECKED, f"{typecheck.__name__}.check")
