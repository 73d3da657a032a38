"""Frames that a host hands over, and pictures that it takes out: for plugins that see no files."""
