"""PEANUT inside DaVinci Resolve.

Runs in Resolve's own Python, which may be any version from 3.6 on and has no packages: nothing but
the standard library is imported here, and everything that needs more is asked of the executable
`peanut` (`pipe`). Every call of Resolve's API is in `resolve_api`; how it counts frames is in
`shots` (reading) and `place` (writing).
"""

__all__ = []  # type: list
