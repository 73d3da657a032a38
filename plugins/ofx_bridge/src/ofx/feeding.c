#include "ofx/feeding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/png.h"
#include "ofx/render.h"

/* For one frame in an action that the user waits for with a cancel button. */
#define FRAME_DEADLINE_MS 20000
#define MAX_FRAMES 1000000

bool progress_tick(void *context, double fraction) {
  const struct progress_part *part = context;
  return progress_update(part->effect, part->from + part->part * fraction);
}

/* 23.976 and its like are meant as N * 1000 / 1001. */
static void set_rate(struct host_clip *clip, double rate) {
  if (!(rate > 0.01 && rate < 10000)) rate = 24;
  int whole = (int)(rate + 0.5), film = (int)(rate * 1.001 + 0.5);
  double off_whole = rate - whole, off_film = rate - film / 1.001;
  clip->rate_den = 1;
  clip->rate_num = whole;
  if (off_whole < 1e-4 && off_whole > -1e-4) return;
  if (off_film < 5e-3 && off_film > -5e-3) {
    clip->rate_num = film * 1000;
    clip->rate_den = 1001;
  } else {
    clip->rate_num = (int)(rate * 1000 + 0.5);
    clip->rate_den = 1000;
  }
}

void session_new_id(char *id, size_t capacity) {
  uint8_t number[12] = {0};
  if (!random_bytes(number, sizeof number)) memcpy(number, &(int64_t){now_ms()}, sizeof(int64_t));
  size_t size = (size_t)snprintf(id, capacity, "ofx-");
  for (size_t k = 0; k < sizeof number; k++) size += (size_t)snprintf(id + size, capacity - size, "%02x", number[k]);
}

bool session_begin(struct instance *instance, double time, struct saved_state *state, struct problem *problem) {
  ofx_properties clip = NULL;
  struct ofx_rect_d region;
  if (the_host.effect->get_clip_properties(instance->source, &clip) != OFX_OK || clip == NULL ||
      the_host.effect->get_clip_region(instance->source, time, &region) != OFX_OK) {
    return problem_set(problem, STATUS_FAILED_PRECONDITION, "connect a clip to the Source input first");
  }
  if (text_is(clip, "OfxImageEffectPropComponents", "OfxImageComponentAlpha")) {
    return problem_set(problem, STATUS_FAILED_PRECONDITION, "the Source has only alpha: connect a clip with colours");
  }
  if (text_is(clip, "OfxImageClipPropFieldOrder", "OfxFieldLower") ||
      text_is(clip, "OfxImageClipPropFieldOrder", "OfxFieldUpper")) {
    return problem_set(problem, STATUS_FAILED_PRECONDITION,
                       "PEANUT works on whole frames: make the clip progressive (deinterlace it first)");
  }
  double aspect = get_double(clip, "OfxImagePropPixelAspectRatio", 0, 1);
  if (!(aspect > 0.01 && aspect < 100)) aspect = 1;
  int first = nearest(get_double(clip, "OfxImageEffectPropFrameRange", 0, time));
  int last = nearest(get_double(clip, "OfxImageEffectPropFrameRange", 1, time));
  if (last < first || last - first >= MAX_FRAMES) {
    return problem_set(problem, STATUS_FAILED_PRECONDITION, "the host says that the clip has frames %d to %d", first,
                       last);
  }
  memset(state, 0, sizeof *state);
  session_new_id(state->session, sizeof state->session);
  state->first = first;
  state->clip = (struct host_clip){
      .width = nearest((region.x2 - region.x1) / aspect),
      .height = nearest(region.y2 - region.y1),
      .sample_bytes = text_is(clip, "OfxImageEffectPropPixelDepth", "OfxBitDepthByte") ? 1 : 2,
      .first_time = first,
      .frame_count = (int64_t)last - first + 1, /* The host's range includes its end. */
      .aspect_num = aspect == 1.0 ? 1 : nearest(aspect * 10000),
      .aspect_den = aspect == 1.0 ? 1 : 10000,
  };
  state->width = state->clip.width;
  state->height = state->clip.height;
  set_rate(&state->clip, get_double(clip, "OfxImageEffectPropFrameRate", 0, 24));
  if (state->width > 0 && state->height > 0) return true;
  return problem_set(problem, STATUS_FAILED_PRECONDITION, "the Source has no size: connect a clip");
}

bool session_open(struct instance *instance, const struct saved_state *state, int64_t deadline_ms,
                  struct problem *problem) {
  if (!link_open(&instance->link, false, deadline_ms, problem)) return false;
  bool is_open = strcmp(instance->session.id, state->session) == 0;
  /* A daemon that was started again hands files over somewhere else. */
  if (is_open && instance->session_generation == instance->link.generation) return true;
  if (!call_open_session(&instance->link, state->session, &state->clip, &instance->session, deadline_ms, problem)) {
    return false;
  }
  instance->session_generation = instance->link.generation;
  return true;
}

/* Of the whole frame; proxies and crops are not what the session is for. */
static bool has_session_size(const struct saved_state *state, const struct host_image *image) {
  return image->whole.x2 - image->whole.x1 == state->clip.width &&
         image->whole.y2 - image->whole.y1 == state->clip.height;
}

static bool has_all_pixels(const struct host_image *image) {
  struct rectangle common = rectangle_common(image->whole, image->pixels.bounds);
  return memcmp(&common, &image->whole, sizeof common) == 0;
}

static bool store_mask(struct instance *instance, const struct saved_state *state, double time, int64_t frame) {
  struct mask_store *store = &instance->masks;
  if (strcmp(store->session, state->session) != 0) {
    mask_store_free(store);
    store->pngs = calloc((size_t)state->clip.frame_count, sizeof *store->pngs);
    if (store->pngs == NULL) return false;
    store->count = (size_t)state->clip.frame_count;
    memcpy(store->session, state->session, sizeof store->session);
  }
  struct host_image mask;
  bool taken = image_take(instance->mask, time, &mask);
  struct rectangle area = {mask.whole.x1, mask.whole.y1, mask.whole.x1 + state->clip.width,
                           mask.whole.y1 + state->clip.height};
  uint8_t *gray = taken ? malloc((size_t)state->clip.width * (size_t)state->clip.height) : NULL;
  if (gray != NULL) {
    image_to_mask(&mask.pixels, area, gray);
    struct buffer *png = &store->pngs[frame];
    buffer_clear(png);
    png_of_mask(png, gray, (unsigned)state->clip.width, (unsigned)state->clip.height);
  }
  free(gray);
  image_give_back(&mask);
  return gray != NULL;
}

static bool uses_mask(const struct instance *instance) {
  return instance->mask != NULL && param_int(instance->params.single[PARAM_USE_MASK], 0) != 0;
}

/* Hands one frame over. The caller holds the lock. */
static bool put_frame(struct instance *instance, const struct saved_state *state, const struct host_image *source,
                      double time, int64_t frame, int64_t deadline_ms, struct problem *problem) {
  size_t size = (size_t)state->clip.width * (size_t)state->clip.height * 3 * (size_t)state->clip.sample_bytes;
  uint8_t *rgb = malloc(size);
  if (rgb == NULL) return problem_set(problem, STATUS_RESOURCE_EXHAUSTED, "out of memory");
  bool fine = image_to_rgb(&source->pixels, source->whole, state->clip.sample_bytes, rgb) ||
              problem_set(problem, STATUS_FAILED_PRECONDITION, "the Source has only alpha");
  fine = fine && session_open(instance, state, deadline_ms, problem) &&
         call_put_frame(&instance->link, &instance->session, state->clip.first_time + frame, rgb, size, deadline_ms,
                        problem);
  /* A daemon with an empty data folder does not know the session: it is opened anew with the next frame. */
  if (!fine && problem->status == STATUS_NOT_FOUND) instance->session.id[0] = 0;
  free(rgb);
  if (fine && uses_mask(instance) && !store_mask(instance, state, time, frame)) {
    return problem_set(problem, STATUS_FAILED_PRECONDITION, "the Mask input gives no frame at time %g", time);
  }
  return fine;
}

bool collect_frame(struct instance *instance, const struct saved_state *state, const struct host_image *source,
                   double time, int64_t deadline_ms, struct problem *problem) {
  int64_t frame = 0;
  if (!frame_of_time(time, state->clip.first_time, &frame) || frame >= state->clip.frame_count) return true;
  if (!has_session_size(state, source) || !has_all_pixels(source)) {
    problem_set(problem, STATUS_OK, "collecting: play at full size (this frame is %dx%d, the clip %dx%d)",
                source->whole.x2 - source->whole.x1, source->whole.y2 - source->whole.y1, state->clip.width,
                state->clip.height);
    return true;
  }
  if (!lock_until(&instance->lock, deadline_ms)) {
    return problem_set(problem, STATUS_DEADLINE_EXCEEDED, "collecting: the PEANUT daemon is too slow for this speed");
  }
  bool fine = put_frame(instance, state, source, time, frame, deadline_ms, problem);
  int64_t stored = instance->session.frames_stored, total = instance->session.frames_total;
  unlock(&instance->lock);
  if (!fine) return false;
  problem_set(problem, STATUS_OK,
              stored == total ? "all %lld frames are collected: press Process" : "collected %lld of %lld frames",
              (long long)stored, (long long)total);
  return true;
}

bool analyse_range(struct instance *instance, const struct saved_state *state, struct problem *problem) {
  for (int64_t k = 0; k < state->clip.frame_count; k++) {
    double time = (double)(state->clip.first_time + k);
    if (!progress_update(instance->effect, 0.4 * (double)k / (double)state->clip.frame_count)) {
      return problem_set(problem, STATUS_CANCELLED, "stopped");
    }
    struct host_image source;
    bool fine = image_take(instance->source, time, &source);
    if (!fine) {
      problem_set(problem, STATUS_FAILED_PRECONDITION,
                  "%s at time %g: switch on Collect while playing, play the clip once, then press Process",
                  source.problem, time);
    } else if (!has_session_size(state, &source) || !has_all_pixels(&source)) {
      fine = problem_set(problem, STATUS_FAILED_PRECONDITION,
                         "the host gives frames of %dx%d instead of %dx%d: switch proxies off and analyse again",
                         source.pixels.bounds.x2 - source.pixels.bounds.x1,
                         source.pixels.bounds.y2 - source.pixels.bounds.y1, state->clip.width, state->clip.height);
    } else {
      fine = put_frame(instance, state, &source, time, k, now_ms() + FRAME_DEADLINE_MS, problem);
    }
    image_give_back(&source);
    if (!fine) return false;
  }
  return true;
}

bool session_finish(struct instance *instance, const struct saved_state *state, struct problem *problem) {
  struct progress_part part = {instance->effect, 0.4, 0.1};
  if (!session_open(instance, state, now_ms() + FRAME_DEADLINE_MS, problem)) return false;
  instance->session.frames_total = state->clip.frame_count;
  return call_finish_session(&instance->link, &instance->session, (struct listener){progress_tick, &part}, problem);
}
