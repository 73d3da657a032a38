"""Optical flow and what is done with it: shared by the stages."""
