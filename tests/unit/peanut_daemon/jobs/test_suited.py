"""Which upscaler suits a clip, and the reason that the report gives."""

from types import SimpleNamespace

import pytest

from peanut_daemon.jobs.suited import suited_upscaler
from peanut_models.errors import ModelNotFoundError


def clip(codec="h264", pixel_format="yuv420p", has_alpha=False):
    return SimpleNamespace(codec=codec, pixel_format=pixel_format, has_alpha=has_alpha)


def having(*installed):
    return SimpleNamespace(ready=lambda card: card.name in installed)


BOTH = having("basicvsr_pp/reds4", "basicvsr_pp/vimeo_bi")


@pytest.mark.parametrize(
    "rendered",
    [clip("png", "rgb24"), clip("ffv1"), clip("prores", "yuv444p12le"), clip(has_alpha=True)],
)
def test_rendered_material_gets_the_network_for_clean_clips(rendered):
    suited = suited_upscaler(rendered, "embedded", "auto", BOTH)
    assert suited.name == "basicvsr_pp/vimeo_bi"
    assert "rendered" in suited.reason


def test_camera_footage_gets_the_network_trained_on_it():
    suited = suited_upscaler(clip(), "embedded", "auto", BOTH)
    assert suited.name == "basicvsr_pp/reds4"
    assert "h264" in suited.reason
    assert "camera" in suited.reason


def test_without_the_suited_weights_the_next_best_is_taken_and_without_any_the_profiles():
    rendered = clip("ffv1")
    assert suited_upscaler(rendered, "embedded", "auto", having("basicvsr_pp/reds4")).name == (
        "basicvsr_pp/reds4"
    )
    none = suited_upscaler(rendered, "embedded", "auto", having())
    assert none.name == ""
    assert "not on this machine" in none.reason


def test_what_is_asked_for_is_not_second_guessed():
    assert suited_upscaler(clip(), "embedded", "basicvsr_pp/ntire", BOTH).reason == "asked for"
    assert "profile" in suited_upscaler(clip(), "embedded", "", BOTH).reason
    with pytest.raises(ModelNotFoundError):
        suited_upscaler(clip(), "embedded", "nothing", BOTH)
