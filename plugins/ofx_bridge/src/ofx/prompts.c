#include "ofx/prompts.h"

#include <stdio.h>
#include <string.h>

#include "peanut_fields.h"

/* Clicks of a host are positions between pixels; the daemon's are pixels, counted from the top left corner. */
struct mapping {
  double x1, y2; /* The frame's left and upper edge, in the host's coordinates. */
  double aspect; /* Width of a pixel over its height. */
  int width, height;
};

static struct mapping mapping_of(struct instance *instance, const struct saved_state *state) {
  struct mapping mapping = {0, state->height, 1, state->width, state->height};
  ofx_properties clip = NULL;
  struct ofx_rect_d region;
  if (the_host.effect->get_clip_properties(instance->source, &clip) == OFX_OK) {
    mapping.aspect = get_double(clip, "OfxImagePropPixelAspectRatio", 0, 1);
    if (!(mapping.aspect > 0.01 && mapping.aspect < 100)) mapping.aspect = 1;
  }
  if (the_host.effect->get_clip_region(instance->source, (double)state->first, &region) == OFX_OK) {
    mapping.x1 = region.x1;
    mapping.y2 = region.y2;
  }
  return mapping;
}

static void to_pixels(const struct mapping *mapping, double x, double y, double *column, double *row) {
  *column = (x - mapping->x1) / mapping->aspect;
  *row = mapping->y2 - y;
}

static void put_prompt(struct buffer *request, int64_t frame, unsigned kind, struct buffer *what) {
  struct buffer prompt = {0};
  put_int(&prompt, PB_PROMPT_FRAME_INDEX, frame);
  put_message(&prompt, kind, what);
  put_message(request, PB_TRACK_MASKS_REQUEST_PROMPTS, &prompt);
}

static int64_t frame_of(ofx_param param, const struct saved_state *state) { return param_int(param, 0) - state->first; }

static void put_point(struct buffer *request, const struct point_params *point, const struct mapping *mapping,
                      const struct saved_state *state) {
  struct buffer what = {0};
  double x, y, column, row;
  param_pair(point->position, &x, &y);
  to_pixels(mapping, x, y, &column, &row);
  /* The middle of pixel k is k + 0.5 for the host and k for the daemon. On the frame's edge counts as inside. */
  column -= 0.5;
  row -= 0.5;
  if (column < 0 && column >= -0.5) column = 0;
  if (row < 0 && row >= -0.5) row = 0;
  put_float(&what, PB_POINT_PROMPT_X_PX, (float)column);
  put_float(&what, PB_POINT_PROMPT_Y_PX, (float)row);
  put_int(&what, PB_POINT_PROMPT_NEGATIVE, param_int(point->sign, SIGN_OFF) == SIGN_EXCLUDE);
  put_prompt(request, frame_of(point->frame, state), PB_PROMPT_POINT, &what);
}

static void put_box(struct buffer *request, const struct box_params *box, const struct mapping *mapping,
                    const struct saved_state *state) {
  struct buffer what = {0};
  double x, y, column[2], row[2];
  param_pair(box->corner, &x, &y);
  to_pixels(mapping, x, y, &column[0], &row[0]);
  param_pair(box->opposite, &x, &y);
  to_pixels(mapping, x, y, &column[1], &row[1]);
  int left = column[0] > column[1], top = row[0] > row[1];
  put_float(&what, PB_BOX_PROMPT_X0_PX, (float)column[left]);
  put_float(&what, PB_BOX_PROMPT_Y0_PX, (float)row[top]);
  put_float(&what, PB_BOX_PROMPT_X1_PX, (float)column[!left]);
  put_float(&what, PB_BOX_PROMPT_Y1_PX, (float)row[!top]);
  put_prompt(request, frame_of(box->frame, state), PB_PROMPT_BOX, &what);
}

static bool put_masks(struct buffer *request, struct instance *instance, const struct saved_state *state,
                      struct problem *problem) {
  const struct mask_store *store = &instance->masks;
  if (state->clip.width == 0) {
    return problem_set(problem, STATUS_FAILED_PRECONDITION,
                       "masks of the Mask input go with frames of the host: clear Source file and press Analyse");
  }
  for (int64_t k = 0; k < state->clip.frame_count; k++) {
    bool is_there = strcmp(store->session, state->session) == 0 && (size_t)k < store->count && store->pngs[k].size > 0;
    if (!is_there) {
      return problem_set(problem, STATUS_FAILED_PRECONDITION,
                         "the Mask input's frame at time %lld was not fetched: press Analyse again, or collect again",
                         (long long)(state->first + k));
    }
    struct buffer what = {0};
    put_bytes(&what, PB_MASK_PROMPT_PNG, store->pngs[k].data, store->pngs[k].size);
    put_prompt(request, k, PB_PROMPT_MASK, &what);
  }
  return true;
}

static void put_words(struct buffer *request, const char *text, int64_t frame) {
  struct buffer what = {0};
  put_text(&what, PB_TEXT_PROMPT_TEXT, text);
  put_prompt(request, frame, PB_PROMPT_TEXT, &what);
}

/* The line of that number; "" where there is none. */
static void line_of(const char *lines, int number, char *line, size_t capacity) {
  for (; number > 0 && *lines != 0; lines++) number -= *lines == '\n';
  size_t size = strcspn(lines, "\r\n");
  if (number > 0 || size >= capacity) size = 0;
  memcpy(line, lines, size);
  line[size] = 0;
}

/* All that is said about one target; an empty request where that is nothing. */
static bool read_target(struct instance *instance, const struct saved_state *state, const struct mapping *mapping,
                        int target, struct buffer *request, struct problem *problem) {
  const struct params *params = &instance->params;
  char text[TEXT_BYTES];
  bool fine = true;
  if (target == 1 && instance->mask != NULL && param_int(params->single[PARAM_USE_MASK], 0) != 0) {
    fine = put_masks(request, instance, state, problem);
  }
  param_text(params->single[PARAM_TEXT], text, sizeof text);
  if (target == 1 && text[0] != 0) put_words(request, text, state->start);
  for (int k = 0; k < POINT_COUNT; k++) {
    const struct point_params *point = &params->points[k];
    bool is_on = param_int(point->sign, SIGN_OFF) != SIGN_OFF && param_int(point->target, 1) == target;
    if (is_on) put_point(request, point, mapping, state);
  }
  for (int k = 0; k < BOX_COUNT; k++) {
    const struct box_params *box = &params->boxes[k];
    if (param_int(box->enabled, 0) != 0 && param_int(box->target, 1) == target) put_box(request, box, mapping, state);
  }
  return fine;
}

uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t count) {
  const uint8_t *at = bytes;
  for (size_t k = 0; k < count; k++) hash = (hash ^ at[k]) * 1099511628211ULL;
  return hash;
}

bool prompts_read(struct instance *instance, const struct saved_state *state, struct prompts *prompts,
                  struct problem *problem) {
  memset(prompts, 0, sizeof *prompts);
  struct mapping mapping = mapping_of(instance, state);
  char lines[TEXT_BYTES], number[12], name[128];
  param_text(instance->params.single[PARAM_TARGETS], lines, sizeof lines);
  uint64_t hash = HASH_START;
  bool fine = true;
  for (int target = 1; fine && target <= TARGET_COUNT; target++) {
    struct buffer said = {0};
    fine = read_target(instance, state, &mapping, target, &said, problem);
    if (fine && said.size > 0) {
      struct buffer *request = &prompts->requests[prompts->count++];
      snprintf(number, sizeof number, "%d", target);
      line_of(lines, target - 1, name, sizeof name);
      put_text(request, PB_TRACK_MASKS_REQUEST_EDIT_ID, state->edit);
      put_text(request, PB_TRACK_MASKS_REQUEST_TARGET_ID, number);
      put_text(request, PB_TRACK_MASKS_REQUEST_NAME, name);
      buffer_append(request, said.data, said.size);
      fine = (!request->failed && !said.failed) || problem_set(problem, STATUS_RESOURCE_EXHAUSTED, "out of memory");
      hash = hash_bytes(hash, request->data, request->size);
      prompts->targets |= 1 << (target - 1);
    }
    buffer_free(&said);
  }
  if (prompts->count > 0) snprintf(prompts->hash, sizeof prompts->hash, "%016llx", (unsigned long long)hash);
  return fine;
}

void prompts_free(struct prompts *prompts) {
  for (size_t k = 0; k < TARGET_COUNT; k++) buffer_free(&prompts->requests[k]);
  memset(prompts, 0, sizeof *prompts);
}
