"""How good a mask or a plate is."""
