"""The process that owns the device: it decodes, runs the models, and encodes.

It keeps no state of its own between tasks but loaded models; the journal belongs to the daemon's
face, which tells it all that a task needs. `messages` and `process` are the face's half and never
import torch.
"""
