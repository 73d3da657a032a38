"""Proof of what a deliverable changed: pixels outside the matte, time, tags, sound.

`Verification(source, result, frame_range, matte=...)` compares two clips; its `run` yields after
each frame, and `proof()` has what was found then. `python -m peanut_daemon.verify` is what
`peanut verify` runs.
"""
