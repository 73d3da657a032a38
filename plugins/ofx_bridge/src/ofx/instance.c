#include "ofx/instance.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

struct instance *instance_of(ofx_effect effect) {
  ofx_properties properties = NULL;
  void *data = NULL;
  if (the_host.effect->get_properties(effect, &properties) != OFX_OK || properties == NULL) return NULL;
  if (the_host.property->get_pointer(properties, "OfxPropInstanceData", 0, &data) != OFX_OK) return NULL;
  return data;
}

static ofx_clip find_clip(ofx_effect effect, const char *name) {
  ofx_clip clip = NULL;
  return the_host.effect->get_clip(effect, name, &clip, NULL) == OFX_OK ? clip : NULL;
}

struct instance *instance_create(ofx_effect effect) {
  ofx_properties properties = NULL;
  ofx_param_set set = NULL;
  if (the_host.effect->get_properties(effect, &properties) != OFX_OK) return NULL;
  if (the_host.effect->get_param_set(effect, &set) != OFX_OK) return NULL;
  struct instance *instance = calloc(1, sizeof *instance);
  if (instance == NULL) return NULL;
  instance->effect = effect;
  atomic_flag_clear(&instance->lock.taken);
  atomic_flag_clear(&instance->message_lock.taken);
  atomic_init(&instance->busy, false);
  instance->source = find_clip(effect, "Source");
  instance->output = find_clip(effect, "Output");
  instance->mask = text_is(properties, "OfxImageEffectPropContext", "OfxImageEffectContextGeneral")
                       ? find_clip(effect, "Mask")
                       : NULL;
  params_find(set, &instance->params);
  link_init(&instance->link);
  if (instance->source == NULL || instance->output == NULL ||
      the_host.property->set_pointer(properties, "OfxPropInstanceData", 0, instance) != OFX_OK) {
    free(instance);
    return NULL;
  }
  /* Resolve says where the clip comes from. */
  char path[PATH_BYTES], known[PATH_BYTES];
  get_text(properties, "OfxImageEffectPropSrcFilePath", 0, path, sizeof path);
  param_text(instance->params.single[PARAM_FILE], known, sizeof known);
  if (path[0] != 0 && known[0] == 0) param_set_text(instance->params.single[PARAM_FILE], path);
  return instance;
}

void mask_store_free(struct mask_store *store) {
  for (size_t k = 0; k < store->count; k++) buffer_free(&store->pngs[k]);
  free(store->pngs);
  memset(store, 0, sizeof *store);
}

void instance_destroy(struct instance *instance) {
  ofx_properties properties = NULL;
  if (the_host.effect->get_properties(instance->effect, &properties) == OFX_OK && properties != NULL) {
    the_host.property->set_pointer(properties, "OfxPropInstanceData", 0, NULL);
  }
  link_close(&instance->link);
  mask_store_free(&instance->masks);
  free(instance);
}

static void read_number(const char *json, const char *key, int *number) {
  int64_t value = 0;
  if (json_integer(json, key, &value) && value >= INT32_MIN && value <= INT32_MAX) *number = (int)value;
}

void state_read(const struct instance *instance, struct saved_state *state) {
  char json[STATE_BYTES];
  memset(state, 0, sizeof *state);
  param_text(instance->params.single[PARAM_STATE], json, sizeof json);
  json_text(json, "session", state->session, sizeof state->session);
  json_text(json, "edit", state->edit, sizeof state->edit);
  json_text(json, "job", state->job, sizeof state->job);
  json_text(json, "prompts", state->prompts, sizeof state->prompts);
  json_text(json, "approved", state->approved, sizeof state->approved);
  json_text(json, "jobPrompts", state->job_prompts, sizeof state->job_prompts);
  json_text(json, "file", state->file, sizeof state->file);
  json_integer(json, "first", &state->first);
  json_integer(json, "start", &state->start);
  read_number(json, "targets", &state->targets);
  json_integer(json, "time", &state->clip.first_time);
  json_integer(json, "count", &state->clip.frame_count);
  read_number(json, "w", &state->clip.width);
  read_number(json, "h", &state->clip.height);
  read_number(json, "bytes", &state->clip.sample_bytes);
  read_number(json, "num", &state->clip.rate_num);
  read_number(json, "den", &state->clip.rate_den);
  read_number(json, "parNum", &state->clip.aspect_num);
  read_number(json, "parDen", &state->clip.aspect_den);
  read_number(json, "deliverable", &state->deliverable);
  read_number(json, "width", &state->width);
  read_number(json, "height", &state->height);
}

static void put_member(struct buffer *json, const char *key, const char *value) {
  if (json->size > 1) buffer_append_byte(json, ',');
  json_put_text(json, key);
  buffer_append_byte(json, ':');
  json_put_text(json, value);
}

void state_write(const struct instance *instance, const struct saved_state *state) {
  struct buffer json = {0};
  const struct host_clip *clip = &state->clip;
  buffer_append_byte(&json, '{');
  put_member(&json, "session", state->session);
  put_member(&json, "edit", state->edit);
  put_member(&json, "job", state->job);
  put_member(&json, "prompts", state->prompts);
  put_member(&json, "approved", state->approved);
  put_member(&json, "jobPrompts", state->job_prompts);
  put_member(&json, "file", state->file);
  buffer_printf(&json, ",\"start\":%lld,\"targets\":%d", (long long)state->start, state->targets);
  buffer_printf(&json, ",\"v\":1,\"first\":%lld,\"time\":%lld,\"count\":%lld", (long long)state->first,
                (long long)clip->first_time, (long long)clip->frame_count);
  buffer_printf(&json, ",\"w\":%d,\"h\":%d,\"bytes\":%d,\"num\":%d,\"den\":%d", clip->width, clip->height,
                clip->sample_bytes, clip->rate_num, clip->rate_den);
  buffer_printf(&json, ",\"parNum\":%d,\"parDen\":%d,\"deliverable\":%d,\"width\":%d,\"height\":%d}", clip->aspect_num,
                clip->aspect_den, state->deliverable, state->width, state->height);
  if (!json.failed) param_set_text(instance->params.single[PARAM_STATE], buffer_text(&json));
  buffer_free(&json);
}

static bool read_kind(struct host_image *image) {
  ofx_properties p = image->properties;
  struct image *pixels = &image->pixels;
  char depth[64], components[64];
  get_text(p, "OfxImageEffectPropPixelDepth", 0, depth, sizeof depth);
  get_text(p, "OfxImageEffectPropComponents", 0, components, sizeof components);
  if (strcmp(depth, "OfxBitDepthByte") == 0) {
    pixels->depth = DEPTH_BYTE;
  } else if (strcmp(depth, "OfxBitDepthShort") == 0) {
    pixels->depth = DEPTH_SHORT;
  } else if (strcmp(depth, "OfxBitDepthHalf") == 0) {
    pixels->depth = DEPTH_HALF;
  } else if (strcmp(depth, "OfxBitDepthFloat") == 0) {
    pixels->depth = DEPTH_FLOAT;
  } else {
    return false;
  }
  if (strcmp(components, "OfxImageComponentRGBA") == 0) {
    pixels->components = COMPONENTS_RGBA;
  } else if (strcmp(components, "OfxImageComponentRGB") == 0) {
    pixels->components = COMPONENTS_RGB;
  } else if (strcmp(components, "OfxImageComponentAlpha") == 0) {
    pixels->components = COMPONENTS_ALPHA;
  } else {
    return false;
  }
  return true;
}

/* Beyond any image; differences of such numbers would overflow. */
#define FARTHEST_PIXEL (1 << 24)

static bool is_sane(struct rectangle r) {
  return r.x1 > -FARTHEST_PIXEL && r.y1 > -FARTHEST_PIXEL && r.x2 < FARTHEST_PIXEL && r.y2 < FARTHEST_PIXEL;
}

static struct rectangle get_rectangle(ofx_properties p, const char *name, struct rectangle fallback) {
  struct rectangle r = {get_int(p, name, 0, fallback.x1), get_int(p, name, 1, fallback.y1),
                        get_int(p, name, 2, fallback.x2), get_int(p, name, 3, fallback.y2)};
  return rectangle_is_empty(r) || !is_sane(r) ? fallback : r;
}

bool image_take(ofx_clip clip, double time, struct host_image *image) {
  memset(image, 0, sizeof *image);
  if (clip == NULL || the_host.effect->get_image(clip, time, NULL, &image->properties) != OFX_OK) {
    image->properties = NULL;
    strcpy(image->problem, "the host gave no frame");
    return false;
  }
  ofx_properties p = image->properties;
  void *data = NULL;
  struct rectangle nothing = {0, 0, 0, 0};
  the_host.property->get_pointer(p, "OfxImagePropData", 0, &data);
  image->pixels.data = data;
  image->pixels.bounds = get_rectangle(p, "OfxImagePropBounds", nothing);
  image->pixels.row_bytes = get_int(p, "OfxImagePropRowBytes", 0, 0);
  image->pixels.premultiplied = text_is(p, "OfxImageEffectPropPreMultiplication", "OfxImageAlphaPremultiplied");
  image->whole = get_rectangle(p, "OfxImagePropRegionOfDefinition", image->pixels.bounds);
  image->pixel_aspect = get_double(p, "OfxImagePropPixelAspectRatio", 0, 1);
  image->has_fields =
      text_is(p, "OfxImagePropField", "OfxFieldLower") || text_is(p, "OfxImagePropField", "OfxFieldUpper");
  bool known = read_kind(image);
  size_t pixel = sample_size(image->pixels.depth) * (size_t)image->pixels.components;
  ptrdiff_t needed = (ptrdiff_t)((size_t)(image->pixels.bounds.x2 - image->pixels.bounds.x1) * pixel);
  ptrdiff_t row = image->pixels.row_bytes < 0 ? -image->pixels.row_bytes : image->pixels.row_bytes;
  if (data == NULL || rectangle_is_empty(image->pixels.bounds)) {
    strcpy(image->problem, "the host gave a frame without pixels");
  } else if (!known) {
    strcpy(image->problem, "the host's pixel format is not known: use 8, 16 bit or float RGBA, RGB or alpha");
  } else if (row < needed) {
    strcpy(image->problem, "the host's frame has rows shorter than its pixels");
  }
  return image->problem[0] == 0;
}

void image_give_back(struct host_image *image) {
  if (image->properties != NULL) the_host.effect->release_image(image->properties);
  image->properties = NULL;
}

void show_message(struct instance *instance, bool is_error, const char *text) {
  /* Several threads may render one effect's frames; the host is told once. */
  if (!lock_until(&instance->message_lock, now_ms() + 100)) return;
  bool is_new = strncmp(instance->message, text, sizeof instance->message - 1) != 0;
  if (is_new) {
    strncpy(instance->message, text, sizeof instance->message - 1);
    instance->message[sizeof instance->message - 1] = 0;
  }
  unlock(&instance->message_lock);
  if (!is_new) return;
  if (text[0] == 0) {
    message_clear(instance->effect);
  } else {
    message_persistent(instance->effect, is_error, text);
  }
}
