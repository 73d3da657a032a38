"""What holds without any daemon: descriptions, parameters, and frames that pass through."""

import re
from pathlib import Path

import pytest
from support.ofx_fixtures import run_child

from peanut_client.config import API_MINOR

SOURCES = Path(__file__).resolve().parents[2] / "plugins/ofx_bridge/src"


@pytest.fixture(scope="module")
def description(plugin):
    return run_child(plugin, "described", {})


def test_both_contexts_with_a_mask_in_general_only(description):
    assert description["contexts"]["Filter"]["clips"] == {"Output": 0, "Source": 0}
    assert description["contexts"]["General"]["clips"] == {"Output": 0, "Source": 0, "Mask": 1}
    assert description["bad"] == []


def test_unknown_actions_are_left_to_the_host(description):
    assert description["unknown"] == 14


def test_all_depths_are_offered_and_no_tiles(description):
    plugin = description["plugin"]
    assert plugin["OfxImageEffectPropSupportedPixelDepths"] == [
        f"OfxBitDepth{depth}" for depth in ("Byte", "Short", "Half", "Float")
    ]
    assert plugin["OfxImageEffectPropSupportsTiles"] == [0]
    assert plugin["OfxImageEffectPluginRenderThreadSafety"] == ["OfxImageEffectRenderInstanceSafe"]


def test_every_number_has_both_pairs_of_bounds(description):
    """Resolve takes -1 to 1 otherwise."""
    for name, param in description["contexts"]["General"]["params"].items():
        if param["kind"] in ("Integer", "Double", "Double2D"):
            low, high = param["OfxParamPropMin"], param["OfxParamPropMax"]
            assert param["OfxParamPropDisplayMin"] == low, name
            assert param["OfxParamPropDisplayMax"] == high, name
            assert all(a < b for a, b in zip(low, high, strict=True)), name
            assert len(low) == (2 if param["kind"] == "Double2D" else 1)


def test_nothing_animates_and_everything_has_a_label(description):
    for name, param in description["contexts"]["Filter"]["params"].items():
        assert param["OfxPropLabel"][0], name
        if param["kind"] != "Group":
            assert param["OfxParamPropAnimates"] == [0], name


def test_the_parameters_that_users_were_promised(description):
    params = description["contexts"]["General"]["params"]
    promised = ["text", "point1", "point1Sign", "box1Corner", "box1Opposite", "targets", "useMask"]
    promised += ["view", "deliverable", "profile", "analyse", "process", "refresh", "approve"]
    promised += ["review", "status", "failInstead", "collect", "sourceFile"]
    assert set(promised) <= params.keys()
    assert params["view"]["OfxParamPropChoiceOption"] == [
        "Source", "Mask overlay", "Matte", "Plate", "Result",
    ]  # fmt: skip
    assert params["state"]["OfxParamPropSecret"] == [1]


def test_parameters_come_back_in_another_process(child):
    values = {"text": "the red square", "point3": [7.25, -2.5], "point3Sign": 2, "box2Use": 1}
    values |= {"targets": "car\nman", "grow": 11, "state": '{"edit":"e-1"}', "waitSeconds": 3.5}
    first = child("saved", values=values)
    second = child("saved", values={name: value for name, value in first.items() if value})
    assert second == first
    assert second["point3"] == [7.25, -2.5]
    assert second["state"] == ['{"edit":"e-1"}']


def test_pass_through_is_bit_exact_in_every_depth_and_layout(child):
    report = child("passed_through")
    assert report["wrong"] == []
    assert report["violations"] == []
    assert report["messages"] == []


def test_only_the_window_is_written_and_black_lies_beyond_the_clip(child):
    report = child("small_window")
    assert report["kept"]
    assert report["same"]
    assert report["beyond"] == [0, 0]
    assert report["wide"] == [0, True]
    assert report["violations"] == []


def test_identity_only_where_nothing_is_done(child):
    report = child("identity")
    assert report["answers"].pop("source") == 0
    assert set(report["answers"].values()) == {14}
    assert report["named"] == "Source"


def test_fields_are_refused_politely_and_thumbnails_quietly(child):
    given = {"OfxImagePropField": "OfxFieldLower"}
    *fields, small = child(
        "refused",
        cases=[
            {"field": "Lower"},
            {"field": "Upper"},
            {"extra": given},
            {"arguments": {"OfxImageEffectPropThumbnailRender": "true"}},
        ],
    )
    for report in fields:
        assert (report["status"], report["same"], report["bad"]) == (0, True, [])
        assert "progressive" in report["message"]
    assert small == {"status": 0, "same": True, "message": None, "bad": []}


def test_damaged_images_of_a_host_harm_nobody(child):
    report = child("broken_images")
    assert report["statuses"] == [0, 1] * 5
    assert report["violations"] == []


def test_clips_without_an_end_or_edges(child):
    report = child("endless")
    assert report["passed"] == [True, True, True]
    assert "has frames -1000000000 to 1000000000" in report["said"][0]
    assert report["violations"] == []


def test_hosts_that_lack_suites(child):
    """Three are needed, messages and progress are not; Resolve's second messages are unsound."""
    needed = ["OfxPropertySuite", "OfxImageEffectSuite", "OfxParameterSuite"]
    optional = [["OfxMessageSuite", 1], ["OfxMessageSuite", 2], ["OfxProgressSuite", 1]]
    cases = [{"without": [[suite, 1]]} for suite in needed] + [{"without": optional}]
    cases.append({"without": [], "lacking": ["PushButton", "Group", "Double2D", "String"]})
    cases.append({"without": [], "name": "DaVinciResolve"})
    *declined, bare, poor, resolve = child("bare_hosts", cases=cases)
    assert [report["status"] for report in declined] == [4, 4, 4]
    assert (bare["rendered"], bare["passed"], bare["messages"]) == (0, True, [])
    assert (poor["rendered"], poor["passed"]) == (0, True)
    assert [kind for kind, _ in resolve["messages"]] == ["OfxMessageLog"]


def test_plugin_and_client_speak_the_same_api():
    header = (SOURCES / "daemon/link.h").read_text()
    assert re.search(rf"#define PEANUT_API_MINOR {API_MINOR}$", header, re.MULTILINE)
