"""Losses, and later data and loops, for training the networks."""
