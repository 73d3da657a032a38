"""Protobuf messages <-> the daemon's own types; nobody else knows both."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from peanut.v1 import (
    edits_pb2,
    errors_pb2,
    frames_pb2,
    jobs_pb2,
    masks_pb2,
    models_pb2,
    renders_pb2,
)
from peanut_daemon.deliverable import Codec, Deliverable, RenderSettings, RenderStage
from peanut_daemon.edits.model import (
    Approval,
    Box,
    Edit,
    MaskFrame,
    PaintedMask,
    Point,
    Prompt,
    Target,
    Text,
    check_shape,
)
from peanut_daemon.errors import InvalidRequestError, PromptError
from peanut_daemon.jobs.estimate import Estimate
from peanut_daemon.jobs.model import Job, JobState, Progress
from peanut_daemon.media import ClipInfo, Rate, Reading
from peanut_daemon.status import is_retryable
from peanut_daemon.worker.messages import Shortage
from peanut_models.matte import EFFECT_FEATHER_PX, MatteShape, TargetKind
from peanut_models.ranges import FrameRange
from peanut_models.zoo import Commercial, ModelCard, ModelStore, Stage, profiles_with

STATES = {
    JobState.QUEUED: jobs_pb2.JOB_STATE_QUEUED,
    JobState.RUNNING: jobs_pb2.JOB_STATE_RUNNING,
    JobState.SUCCEEDED: jobs_pb2.JOB_STATE_SUCCEEDED,
    JobState.FAILED: jobs_pb2.JOB_STATE_FAILED,
    JobState.CANCELLED: jobs_pb2.JOB_STATE_CANCELLED,
}
STAGES = {
    None: jobs_pb2.JOB_STAGE_UNSPECIFIED,
    RenderStage.PLATE: jobs_pb2.JOB_STAGE_PLATE,
    RenderStage.UPSCALE: jobs_pb2.JOB_STAGE_UPSCALE,
    RenderStage.ENCODE: jobs_pb2.JOB_STAGE_ENCODE,
}
DELIVERABLES = {
    renders_pb2.DELIVERABLE_PATCH: Deliverable.PATCH,
    renders_pb2.DELIVERABLE_FULL: Deliverable.FULL,
    renders_pb2.DELIVERABLE_UPSCALED: Deliverable.UPSCALED,
}
CODECS = {
    renders_pb2.CODEC_UNSPECIFIED: Codec.FFV1,
    renders_pb2.CODEC_FFV1: Codec.FFV1,
    renders_pb2.CODEC_PRORES_HQ: Codec.PRORES_HQ,
    renders_pb2.CODEC_PRORES_4444: Codec.PRORES_4444,
    renders_pb2.CODEC_H264: Codec.H264,
    renders_pb2.CODEC_PRORES_422: Codec.PRORES_422,
    renders_pb2.CODEC_DNXHR_HQ: Codec.DNXHR_HQ,
    renders_pb2.CODEC_DNXHR_HQX: Codec.DNXHR_HQX,
    renders_pb2.CODEC_DNXHR_444: Codec.DNXHR_444,
    renders_pb2.CODEC_H264_10: Codec.H264_10,
    renders_pb2.CODEC_H265: Codec.H265,
    renders_pb2.CODEC_H265_10: Codec.H265_10,
    renders_pb2.CODEC_EXR: Codec.EXR,
    renders_pb2.CODEC_TIFF: Codec.TIFF,
    renders_pb2.CODEC_PNG: Codec.PNG,
    renders_pb2.CODEC_DPX: Codec.DPX,
}
TARGET_KINDS = {
    TargetKind.OBJECT: edits_pb2.TARGET_KIND_OBJECT,
    TargetKind.EFFECT: edits_pb2.TARGET_KIND_EFFECT,
    TargetKind.HOLDOUT: edits_pb2.TARGET_KIND_HOLDOUT,
}
MODEL_STAGES = {
    Stage.P_MASK: models_pb2.MODEL_STAGE_P_MASK,
    Stage.NOF_ERASER: models_pb2.MODEL_STAGE_NOF_ERASER,
    Stage.UR_NET: models_pb2.MODEL_STAGE_UR_NET,
}

COMMERCIAL = {
    Commercial.YES: models_pb2.COMMERCIAL_YES,
    Commercial.NO: models_pb2.COMMERCIAL_NO,
    Commercial.CONDITIONS: models_pb2.COMMERCIAL_CONDITIONS,
}


def to_range(message: frames_pb2.FrameRange) -> FrameRange:
    """A wire range as our own; raises FrameRangeError where it is empty or reversed."""
    return FrameRange(message.start_frame, message.end_frame)


def from_range(frame_range: FrameRange) -> frames_pb2.FrameRange:
    """A range for the wire."""
    return frames_pb2.FrameRange(start_frame=frame_range.start, end_frame=frame_range.end)


def to_prompt(message: edits_pb2.Prompt) -> Prompt:
    """A wire prompt as our own; raises PromptError where it says nothing."""
    frame_index = message.frame_index
    match message.WhichOneof("kind"):
        case "point":
            point = message.point
            return Point(
                frame_index=frame_index,
                x_px=point.x_px,
                y_px=point.y_px,
                positive=not point.negative,
            )
        case "box":
            box = message.box
            return Box(
                frame_index=frame_index,
                x0_px=box.x0_px,
                y0_px=box.y0_px,
                x1_px=box.x1_px,
                y1_px=box.y1_px,
            )
        case "mask":
            return PaintedMask(frame_index=frame_index, png=message.mask.png)
        case "text":
            return Text(frame_index=frame_index, text=message.text.text)
    raise PromptError(
        f"a prompt on frame {frame_index} says nothing: set its point, box, mask or text"
    )


def from_prompt(prompt: Prompt) -> edits_pb2.Prompt:
    """A prompt for the wire."""
    message = edits_pb2.Prompt(frame_index=prompt.frame_index)
    match prompt:
        case Point():
            message.point.CopyFrom(
                edits_pb2.PointPrompt(
                    x_px=prompt.x_px, y_px=prompt.y_px, negative=not prompt.positive
                )
            )
        case Box():
            message.box.CopyFrom(
                edits_pb2.BoxPrompt(
                    x0_px=prompt.x0_px,
                    y0_px=prompt.y0_px,
                    x1_px=prompt.x1_px,
                    y1_px=prompt.y1_px,
                )
            )
        case PaintedMask():
            message.mask.png = prompt.png
        case Text():
            message.text.text = prompt.text
    return message


def from_clip(clip: ClipInfo) -> frames_pb2.Clip:
    """A clip for the wire."""
    return frames_pb2.Clip(
        path=str(clip.path),
        width=clip.width,
        height=clip.height,
        rate=frames_pb2.Rate(num=clip.rate.num, den=clip.rate.den),
        frame_count=clip.frame_count,
        start_timecode=clip.start_timecode.label if clip.start_timecode else "",
        pixel_format=clip.pixel_format,
        has_audio=clip.has_audio,
        fingerprint=clip.fingerprint,
    )


def from_edit(edit: Edit) -> edits_pb2.Edit:
    """An edit for the wire."""
    return edits_pb2.Edit(
        id=edit.id,
        clip=from_clip(edit.clip),
        range=from_range(edit.frame_range),
        targets=[from_target(target) for target in edit.targets],
        approval=from_approval(edit.approval) if edit.approval else None,
        created_at=timestamp(edit.created_at),
    )


def from_target(target: Target) -> edits_pb2.Target:
    """A target for the wire."""
    return edits_pb2.Target(
        id=target.id,
        name=target.name,
        prompts=[from_prompt(prompt) for prompt in target.prompts],
        mask_frames=target.mask_frames,
        revision=target.revision,
        last_revision=target.last_revision,
        left_out=not target.enabled,
        kind=TARGET_KINDS[target.kind or TargetKind.OBJECT],
    )


def to_target_kind(value: edits_pb2.TargetKind) -> TargetKind | None:
    """A wire kind as our own; None where none is said. Raises InvalidRequestError if unknown."""
    if value == edits_pb2.TARGET_KIND_UNSPECIFIED:
        return None
    found = next((kind for kind, wire in TARGET_KINDS.items() if wire == value), None)
    if found is None:
        raise InvalidRequestError(
            f"target kind {value} is unknown: choose one of {', '.join(TargetKind)}"
        )
    return found


def from_approval(approval: Approval) -> edits_pb2.Approval:
    """An approval for the wire."""
    return edits_pb2.Approval(
        matte_hash=approval.matte_hash,
        grow_px=approval.grow_px,
        feather_px=approval.feather_px,
        refine_px=approval.refine_px,
        effect_feather_px=approval.effect_feather_px,
        approved_at=timestamp(approval.approved_at),
    )


def to_matte_shape(request: masks_pb2.ApproveMasksRequest) -> MatteShape:
    """How masks are to become a matte; raises InvalidRequestError where that is out of bounds."""
    own = request.HasField("effect_feather_px")
    return check_shape(
        {
            "grow_px": request.grow_px,
            "feather_px": request.feather_px,
            "refine_px": request.refine_px,
            "effect_feather_px": request.effect_feather_px if own else EFFECT_FEATHER_PX,
        }
    )


def from_mask(mask: MaskFrame) -> masks_pb2.MaskFrame:
    """A mask for the wire."""
    return masks_pb2.MaskFrame(
        target_id=mask.target_id,
        frame_index=mask.frame_index,
        png=mask.png,
        confidence=mask.confidence,
        doubt=mask.doubt,
    )


def to_deliverable(value: renders_pb2.Deliverable) -> Deliverable:
    """A wire deliverable as our own; raises InvalidRequestError where none is named."""
    if value not in DELIVERABLES:
        raise InvalidRequestError(
            f"deliverable {value} is unknown or not set: choose patch, full or upscaled"
        )
    return DELIVERABLES[value]


def to_reading(request: edits_pb2.CreateEditRequest) -> Reading:
    """How a clip is to be read; raises InvalidRequestError for a rate that is not positive."""
    rate = Rate(request.rate.num, request.rate.den) if request.HasField("rate") else None
    return Reading(rate=rate, colourspace=request.colourspace, deinterlace=request.deinterlace)


def to_cuts(request: renders_pb2.StartRenderRequest) -> tuple[int, ...] | None:
    """Where the request says that shots begin; None where it does not."""
    return tuple(request.cuts.frame_indices) if request.HasField("cuts") else None


def to_codec(value: renders_pb2.Codec) -> Codec:
    """A wire codec as our own; raises InvalidRequestError where it is unknown."""
    if value not in CODECS:
        raise InvalidRequestError(f"codec {value} is unknown: choose one of {', '.join(Codec)}")
    return CODECS[value]


def from_job(job: Job, progress: Progress) -> jobs_pb2.Job:
    """A job for the wire."""
    outputs = job.outputs
    message = jobs_pb2.Job(
        id=job.id,
        edit_id=job.edit_id,
        state=STATES[job.state],
        stage=STAGES[progress.stage],
        units_done=progress.done,
        units_total=progress.total,
        outputs=jobs_pb2.JobOutputs(
            deliverable=str(outputs.deliverable),
            otio=str(outputs.otio),
            matte=str(outputs.matte),
            report=str(outputs.report),
            contact_sheet=str(outputs.contact_sheet),
            report_page=str(outputs.report_page),
        ),
        retries=job.retries,
        client=job.client,
        times=[
            jobs_pb2.JobTime(step=step, seconds=seconds) for step, seconds in job.seconds.items()
        ],
        created_at=timestamp(job.created_at),
    )
    if job.estimate is not None:
        message.estimate.CopyFrom(_from_estimate(job.estimate, job.settings))
    message.shortages.extend(map(_from_shortage, job.shortages))
    if job.error:
        message.error.CopyFrom(
            errors_pb2.Error(
                reason=job.error.reason,
                message=job.error.message,
                retryable=is_retryable(job.error.reason),
                incident_id=job.error.incident_id,
            )
        )
    if job.started_at is not None:
        message.started_at.CopyFrom(timestamp(job.started_at))
    if job.finished_at is not None:
        message.finished_at.CopyFrom(timestamp(job.finished_at))
    return message


def _from_estimate(estimate: Estimate, settings: RenderSettings) -> jobs_pb2.JobEstimate:
    return jobs_pb2.JobEstimate(
        seconds=estimate.seconds,
        host_bytes=estimate.host_bytes,
        device_bytes=estimate.device_bytes,
        device=estimate.device,
        store_bytes=estimate.store_bytes,
        output_bytes=estimate.output_bytes,
        measured=estimate.measured,
        window_frames=settings.window_frames,
        window_reason=settings.window_reason,
    )


def _from_shortage(shortage: Shortage) -> jobs_pb2.JobShortage:
    start, end = shortage.frames
    return jobs_pb2.JobShortage(
        stage=shortage.stage,
        range=frames_pb2.FrameRange(start_frame=start, end_frame=end),
        remedy=shortage.remedy,
        message=shortage.message,
    )


def from_card(card: ModelCard, models: ModelStore) -> models_pb2.Model:
    """A model card, and what is here of it, for the wire."""
    weights, found = card.weights, models.find(card)
    recorded = models.trust(card).known()
    return models_pb2.Model(
        name=card.name,
        stage=MODEL_STAGES[card.stage],
        description=card.description,
        licence=card.licence,
        commercial_use=card.commercial_use,
        installed=models.ready(card),
        terms=card.terms,
        paper=card.paper,
        commercial=COMMERCIAL[card.commercial],
        good_for=card.good_for,
        origin=weights.origin if weights else "",
        files=[
            models_pb2.ModelFile(
                name=file.name,
                url=file.url,
                size_bytes=file.size_bytes,
                sha256=file.sha256,
                recorded_sha256=recorded[file.name].sha256 if file.name in recorded else "",
            )
            for file in (weights.files if weights else ())
        ],
        requires=card.requires,
        profiles=[profile.name for profile in profiles_with(card)],
        auxiliary=card.auxiliary,
        understands_text=card.understands_text,
        weights_sha256=found.blob_sha256 if found else "",
    )


def timestamp(seconds: float) -> Timestamp:
    """A moment, in seconds since the epoch, for the wire."""
    whole = int(seconds)
    return Timestamp(seconds=whole, nanos=int((seconds - whole) * 1e9))
