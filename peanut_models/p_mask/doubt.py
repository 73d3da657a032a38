"""Why a frame should be looked at, in words."""

from __future__ import annotations

from peanut_models.p_mask.confusion import Decision, Verdict
from peanut_models.p_mask.settings import TrackSettings


def reasons(
    decision: Decision,
    *,
    confidence: float,
    area_before: int,
    settings: TrackSettings,
) -> str:
    """What is odd about a mask; empty if nothing.

    Args:
        decision: of the confusion check.
        confidence: of the mask, 0 to 1.
        area_before: pixels of the mask on the frame before.
        settings: see there.
    """
    area = int(decision.mask.sum())
    found = [_confused(decision)]
    if not area:
        # Said once: it may be out of the picture for long.
        found.append("lost: nothing is found from this frame on" if area_before else "")
    else:
        if confidence < settings.doubtful_score:
            found.append(f"low score: {confidence:.2f}, below {settings.doubtful_score:.2f}")
        found.append(_jumped(area, area_before, settings.sudden_growth))
    return "; ".join(reason for reason in found if reason)


def _confused(decision: Decision) -> str:
    figures = f"similarity {decision.similarity:.2f}, expected above {decision.threshold:.2f}"
    match decision.verdict:
        case Verdict.CARRIED:
            return f"another object? ({figures}): the mask before was carried on by motion"
        case Verdict.DISTRUSTED:
            return f"another object? ({figures}): not remembered"
        case Verdict.CHANGED:
            return f"looks different ({figures}), but moves as before"
    return ""


def _jumped(area: int, before: int, limit: float) -> str:
    if not before:
        return ""
    ratio = area / before
    if ratio > limit:
        return f"suddenly {ratio:.1f} times as large"
    if ratio < 1 / limit:
        return f"suddenly {1 / ratio:.1f} times as small"
    return ""
