"""What can go wrong inside the models.

    ModelError                   anything below; catch this to catch them all
    |- InvalidInputError         an argument has a wrong shape, type or value (also a ValueError)
    |- FrameRangeError           frames were asked for that do not exist (also an IndexError)
    |- ModelNotFoundError        no back end or model card has that name (also a LookupError)
    |- WeightsMissingError       a network's weights are not on this machine
    |- UnsupportedDeviceError    the device is absent or lacks what the back end needs
    |- OutOfDeviceMemoryError    the device has too little memory, after every bounded retry

Every message says what is wrong, with which thing, the value given, and what to do.
"""

from __future__ import annotations


class ModelError(Exception):
    """Base of every error that `peanut_models` raises on purpose."""


class InvalidInputError(ModelError, ValueError):
    """An argument has the wrong shape, type, range or value; fix the call."""


class FrameRangeError(ModelError, IndexError):
    """Frames were asked for that do not exist, or the range is empty or reversed."""


class ModelNotFoundError(ModelError, LookupError):
    """No back end, profile or model card has that name."""


class WeightsMissingError(ModelError):
    """The back end exists, but its weights are not on this machine."""


class UnsupportedDeviceError(ModelError):
    """The device is absent, or lacks what the back end needs."""


class OutOfDeviceMemoryError(ModelError):
    """The device has too little memory, after every bounded retry."""
