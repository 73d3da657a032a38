"""Background that the editor supplies: a clean plate, or a clip that shows what the hole hides."""

from peanut_models.donors.fill import DonorConfig, Donors, fill_from_donors

__all__ = ["DonorConfig", "Donors", "fill_from_donors"]
