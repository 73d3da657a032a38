"""A small OpenFX host in ctypes: enough to run one effect, and strict about what effects may do."""
