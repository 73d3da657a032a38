"""An edit and render settings that need no media file."""

from fractions import Fraction
from pathlib import Path

from peanut_daemon.deliverable import ChosenModel, Codec, Deliverable, RenderSettings
from peanut_daemon.edits.model import Edit
from peanut_daemon.media import ClipInfo, ColourTags, Rate
from peanut_models.ranges import FrameRange


def clip_of(frames=100, **changes):
    values = {
        "path": Path("/clips/a.mov"),
        "width": 64,
        "height": 48,
        "rate": Rate(25, 1),
        "variable_rate": False,
        "time_base": Fraction(1, 25),
        "rotation_deg": 0,
        "frame_count": frames,
        "start_timecode": None,
        "pixel_format": "yuv420p",
        "bit_depth": 8,
        "colour": ColourTags(),
        "sample_aspect": Fraction(1),
        "field_order": "progressive",
        "codec": "h264",
        "has_audio": False,
        "has_alpha": False,
        "fingerprint": "f",
    }
    return ClipInfo(**values | changes)


def edit_of(frames=100, **clip):
    return Edit(
        id="e",
        clip=clip_of(frames, **clip),
        frame_range=FrameRange(0, frames),
        targets=(),
        approval=None,
        created_at=0.0,
    )


def settings_of(**changes):
    values = {
        "profile": "embedded",
        "eraser": ChosenModel("embedded/propagation"),
        "upscaler": ChosenModel("embedded/lanczos"),
        "deliverable": Deliverable.FULL,
        "codec": Codec.FFV1,
        "output_path": Path("/renders/a.mkv"),
        "overwrite": False,
        "matte_hash": "m",
        "grow_px": 4,
        "feather_px": 2,
        "window_frames": 10,
        "context_frames": 3,
    }
    return RenderSettings(**values | changes)
