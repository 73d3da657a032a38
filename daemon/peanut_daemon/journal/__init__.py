"""The journal: opening it, its schema from the first on, saving what a damaged one holds."""
