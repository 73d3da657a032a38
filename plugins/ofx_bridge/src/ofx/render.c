#include "ofx/render.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ofx/feeding.h"
#include "peanut_fields.h"

/* Times within this of a whole number are that frame: hosts compute them from seconds. */
#define TIME_TOLERANCE 1e-3

struct frame {
  struct instance *instance;
  double time;
  struct rectangle window;
  int64_t deadline_ms;
  struct saved_state state;
  enum view view;
  struct host_image source, output;
};

bool frame_of_time(double time, int64_t first, int64_t *frame) {
  if (!(time > -1e9 && time < 1e9)) return false;
  int64_t whole = (int64_t)(time < 0 ? time - 0.5 : time + 0.5);
  double off = time - (double)whole;
  *frame = whole - first;
  return off < TIME_TOLERANCE && off > -TIME_TOLERANCE && *frame >= 0;
}

static int wire_view(enum view view) {
  switch (view) {
    case VIEW_OVERLAY:
      return HOST_VIEW_MASK;
    case VIEW_MATTE:
      return HOST_VIEW_MATTE;
    case VIEW_PLATE:
      return HOST_VIEW_PLATE;
    case VIEW_RESULT:
    case VIEW_SOURCE:
      break;
  }
  return HOST_VIEW_RESULT;
}

static enum paint paint_of(const struct frame *frame) {
  switch (frame->view) {
    case VIEW_OVERLAY:
      return PAINT_OVERLAY;
    case VIEW_MATTE:
      return PAINT_GRAY;
    default:
      break;
  }
  bool is_patch = frame->view == VIEW_RESULT && frame->state.deliverable + 1 == DELIVERABLE_PATCH;
  return is_patch ? PAINT_OVER : PAINT_REPLACE;
}

/* Why there is nothing to ask the daemon for; NULL: there is. */
static const char *what_is_missing(const struct frame *frame) {
  const struct saved_state *state = &frame->state;
  if (state->edit[0] == 0) {
    return frame->view == VIEW_RESULT && state->session[0] == 0 ? "" : "nothing was analysed yet: press Analyse";
  }
  bool needs_job = frame->view == VIEW_PLATE || frame->view == VIEW_RESULT;
  if (needs_job && state->job[0] == 0) return "no result yet: approve the masks and press Process";
  return NULL;
}

static bool fetch_view(struct frame *frame, int64_t frame_index, struct picture *picture, struct problem *problem) {
  struct rectangle whole = frame->source.whole;
  struct picture_request wanted = {
      .edit_id = frame->state.edit,
      .job_id = frame->state.job,
      .view = wire_view(frame->view),
      .frame_index = frame_index,
      .width = whole.x2 - whole.x1,
      .height = whole.y2 - whole.y1,
      .sample_bytes = frame->output.pixels.depth == DEPTH_BYTE ? 1 : 2,
  };
  struct instance *instance = frame->instance;
  if (!lock_until(&instance->lock, frame->deadline_ms)) {
    return problem_set(problem, STATUS_DEADLINE_EXCEEDED, "the PEANUT daemon is busy with other frames");
  }
  bool fine = call_picture(&instance->link, &wanted, picture, frame->deadline_ms, problem);
  unlock(&instance->lock);
  return fine;
}

/* Puts the view over the source that is in the output already; false with the reason. */
static bool paint_view(struct frame *frame, struct problem *problem) {
  const char *missing = what_is_missing(frame);
  if (missing != NULL)
    return problem_set(problem, missing[0] == 0 ? STATUS_OK : STATUS_FAILED_PRECONDITION, "%s", missing);
  if (atomic_load(&frame->instance->busy)) {
    return problem_set(problem, STATUS_UNAVAILABLE, "PEANUT is at work: frames follow when it is done");
  }
  int64_t frame_index = 0;
  if (!frame_of_time(frame->time, frame->state.first, &frame_index)) {
    return problem_set(problem, STATUS_NOT_FOUND, "time %g is no frame of the clip that was analysed", frame->time);
  }
  struct picture picture = {0};
  bool fine = fetch_view(frame, frame_index, &picture, problem);
  if (fine) {
    struct layer layer = {picture.pixels.data, picture.components, picture.sample_bytes, frame->source.whole};
    image_paint(&frame->output.pixels, &frame->source.pixels, &layer, paint_of(frame), frame->window);
  }
  buffer_free(&picture.pixels);
  return fine;
}

/* A small picture for a filmstrip: not worth a question to the daemon. */
static bool is_thumbnail(const struct frame *frame, ofx_properties in) {
  ofx_properties clip = NULL;
  if (text_is(in, "OfxImageEffectPropThumbnailRender", "true")) return true;
  if (the_host.effect->get_clip_properties(frame->instance->source, &clip) != OFX_OK) return false;
  return get_int(clip, "kOfxImageClipPropThumbnail", 0, 0) != 0;
}

static bool is_field(ofx_properties in, const struct host_image *source) {
  return source->has_fields || text_is(in, "OfxImageEffectPropFieldToRender", "OfxFieldLower") ||
         text_is(in, "OfxImageEffectPropFieldToRender", "OfxFieldUpper");
}

/* Fills the output with the source, then with the view; returns whether the frame is what was asked for. */
static bool make_frame(struct frame *frame, ofx_properties in, struct problem *problem) {
  problem_set(problem, STATUS_OK, "%s", "");
  if (!image_take(frame->instance->source, frame->time, &frame->source)) {
    /* Beyond the clip's end there is nothing: black, and nothing to complain about. */
    frame->source.pixels = frame->output.pixels;
    frame->source.pixels.bounds = (struct rectangle){0, 0, 0, 0};
    image_copy(&frame->output.pixels, &frame->source.pixels, frame->window);
    if (frame->source.properties == NULL) return true;
    return problem_set(problem, STATUS_FAILED_PRECONDITION, "%s", frame->source.problem);
  }
  image_copy(&frame->output.pixels, &frame->source.pixels, frame->window);
  if (is_thumbnail(frame, in)) return true;
  if (is_field(in, &frame->source)) {
    return problem_set(problem, STATUS_FAILED_PRECONDITION,
                       "PEANUT works on whole frames: make the clip progressive (deinterlace it first)");
  }
  if (the_host.effect->abort(frame->instance->effect)) return true;
  bool collecting = param_int(frame->instance->params.single[PARAM_COLLECT], 0) != 0 && frame->state.edit[0] == 0;
  if (collecting && frame->state.session[0] != 0) {
    if (!collect_frame(frame->instance, &frame->state, &frame->source, frame->time, frame->deadline_ms, problem)) {
      return false;
    }
    if (frame->view == VIEW_SOURCE || frame->view == VIEW_RESULT) return true;
  }
  return frame->view == VIEW_SOURCE || paint_view(frame, problem);
}

ofx_status render_frame(struct instance *instance, ofx_properties in) {
  struct frame frame = {.instance = instance, .time = get_double(in, "OfxPropTime", 0, 0)};
  double wait_s = param_double(instance->params.single[PARAM_WAIT], 1.5);
  if (!(wait_s >= 0.1 && wait_s <= 60)) wait_s = 1.5;
  frame.deadline_ms = now_ms() + (int64_t)(wait_s * 1000);
  frame.view = (enum view)param_int(instance->params.single[PARAM_VIEW], VIEW_SOURCE);
  state_read(instance, &frame.state);
  ofx_status status = OFX_OK;
  struct problem problem = {0};
  if (!image_take(instance->output, frame.time, &frame.output)) {
    show_message(instance, true, frame.output.problem);
    status = OFX_FAILED;
  } else {
    struct rectangle all = frame.output.pixels.bounds;
    frame.window = (struct rectangle){get_int(in, "OfxImageEffectPropRenderWindow", 0, all.x1),
                                      get_int(in, "OfxImageEffectPropRenderWindow", 1, all.y1),
                                      get_int(in, "OfxImageEffectPropRenderWindow", 2, all.x2),
                                      get_int(in, "OfxImageEffectPropRenderWindow", 3, all.y2)};
    bool strict = param_int(instance->params.single[PARAM_STRICT], 0) != 0;
    if (!make_frame(&frame, in, &problem) && strict) {
      status = OFX_FAILED;
      if (problem.text[0] == 0)
        problem_set(&problem, STATUS_FAILED_PRECONDITION, "nothing was analysed yet: press Analyse");
    }
    show_message(instance, status != OFX_OK, problem.text);
  }
  image_give_back(&frame.source);
  image_give_back(&frame.output);
  return status;
}

ofx_status render_identity(struct instance *instance, ofx_properties in, ofx_properties out) {
  enum view view = (enum view)param_int(instance->params.single[PARAM_VIEW], VIEW_SOURCE);
  bool collects = param_int(instance->params.single[PARAM_COLLECT], 0) != 0;
  if (view != VIEW_SOURCE || collects) return OFX_REPLY_DEFAULT;
  set_text(out, "OfxPropName", 0, "Source");
  set_double(out, "OfxPropTime", 0, get_double(in, "OfxPropTime", 0, 0));
  return OFX_OK;
}

ofx_status render_regions(struct instance *instance, ofx_properties in, ofx_properties out) {
  static const char *const NAMES[] = {"OfxImageClipPropRoI_Source", "OfxImageClipPropRoI_Mask"};
  ofx_clip clips[] = {instance->source, instance->mask};
  double time = get_double(in, "OfxPropTime", 0, 0);
  for (int k = 0; k < 2; k++) {
    struct ofx_rect_d r;
    if (clips[k] == NULL || the_host.effect->get_clip_region(clips[k], time, &r) != OFX_OK) continue;
    double values[4] = {r.x1, r.y1, r.x2, r.y2};
    for (int n = 0; n < 4; n++) set_double(out, NAMES[k], n, values[n]);
  }
  return OFX_OK;
}
