"""The demo shot: a clip of our own with its true background and true masks, and its measure."""
