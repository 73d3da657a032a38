"""Progressive pictures out of interlaced frames, one per frame, by FFmpeg's bwdif filter."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import av
from av.filter import Graph


def deinterlaced(frames: Sequence[av.VideoFrame], wanted: int) -> av.VideoFrame:
    """One frame with the lines of its second field made anew.

    A new filter for each frame, so that the same frame always gives the same picture, however it
    was reached.

    Args:
        frames: the frame with its neighbours in time, as far as there are any.
        wanted: its place among them.
    """
    graph = Graph()
    first = frames[0]
    source = graph.add_buffer(
        width=first.width, height=first.height, format=first.format, time_base=Fraction(1, 25)
    )
    # One picture per frame, of frames flagged or not: the editor has asked for all of them.
    bwdif = graph.add("bwdif", "mode=send_frame:deint=all")
    sink = graph.add("buffersink")
    source.link_to(bwdif)
    bwdif.link_to(sink)
    graph.configure()
    for k, frame in enumerate(frames):
        # The filter works on copies; times are ours to set, since each frame has its own object.
        pts, base = frame.pts, frame.time_base
        frame.pts, frame.time_base = k, Fraction(1, 25)
        source.push(frame)
        frame.pts, frame.time_base = pts, base
    source.push(None)
    pictures = [sink.pull() for _ in frames]
    picture = pictures[wanted]
    assert isinstance(picture, av.VideoFrame)
    return picture
