#include "ofx/host.h"

#include <string.h>

struct host the_host;

void host_set(struct ofx_host *handle) { the_host.handle = handle; }

static const void *fetch(const char *name, int version) {
  return the_host.handle->fetch_suite(the_host.handle->host, name, version);
}

static bool has_what_is_needed(void) {
  const struct ofx_property_suite *p = the_host.property;
  const struct ofx_effect_suite *e = the_host.effect;
  const struct ofx_param_suite *a = the_host.param;
  return p != NULL && p->set_pointer && p->set_string && p->set_double && p->set_int && p->get_pointer &&
         p->get_string && p->get_double && p->get_int && e != NULL && e->get_properties && e->get_param_set &&
         e->define_clip && e->get_clip && e->get_clip_properties && e->get_image && e->release_image &&
         e->get_clip_region && e->abort && a != NULL && a->define && a->get_handle && a->get_value && a->set_value;
}

/* Resolve 14 offered version 2 with pointers to nowhere. */
static bool has_sound_messages(void) {
  char name[64];
  get_text(the_host.handle->host, "OfxPropName", 0, name, sizeof name);
  return strncmp(name, "DaVinciResolve", strlen("DaVinciResolve")) != 0;
}

ofx_status host_load(void) {
  if (the_host.handle == NULL || the_host.handle->fetch_suite == NULL) return OFX_MISSING_HOST_FEATURE;
  the_host.property = fetch("OfxPropertySuite", 1);
  the_host.effect = fetch("OfxImageEffectSuite", 1);
  the_host.param = fetch("OfxParameterSuite", 1);
  if (!has_what_is_needed()) return OFX_MISSING_HOST_FEATURE;
  const struct ofx_message_suite *second = has_sound_messages() ? fetch("OfxMessageSuite", 2) : NULL;
  the_host.has_persistent_messages =
      second != NULL && second->set_persistent != NULL && second->clear_persistent != NULL;
  the_host.message = the_host.has_persistent_messages ? second : fetch("OfxMessageSuite", 1);
  if (the_host.message != NULL && the_host.message->message == NULL) the_host.message = NULL;
  the_host.progress_v2 = fetch("OfxProgressSuite", 2);
  const struct ofx_progress_suite_v2 *v2 = the_host.progress_v2;
  if (v2 == NULL || !v2->start || !v2->update || !v2->end) the_host.progress_v2 = NULL;
  the_host.progress_v1 = the_host.progress_v2 == NULL ? fetch("OfxProgressSuite", 1) : NULL;
  const struct ofx_progress_suite_v1 *v1 = the_host.progress_v1;
  if (v1 == NULL || !v1->start || !v1->update || !v1->end) the_host.progress_v1 = NULL;
  return OFX_OK;
}

void host_unload(void) {
  const struct ofx_host *handle = the_host.handle;
  memset(&the_host, 0, sizeof the_host);
  the_host.handle = handle; /* A host may load again without setting it again. */
}

void set_text(ofx_properties properties, const char *name, int index, const char *value) {
  the_host.property->set_string(properties, name, index, value);
}

void set_int(ofx_properties properties, const char *name, int index, int value) {
  the_host.property->set_int(properties, name, index, value);
}

void set_double(ofx_properties properties, const char *name, int index, double value) {
  the_host.property->set_double(properties, name, index, value);
}

int get_int(ofx_properties properties, const char *name, int index, int fallback) {
  int value = fallback;
  if (properties == NULL) return fallback;
  return the_host.property->get_int(properties, name, index, &value) == OFX_OK ? value : fallback;
}

double get_double(ofx_properties properties, const char *name, int index, double fallback) {
  double value = fallback;
  if (properties == NULL) return fallback;
  return the_host.property->get_double(properties, name, index, &value) == OFX_OK ? value : fallback;
}

void get_text(ofx_properties properties, const char *name, int index, char *text, size_t capacity) {
  char *value = NULL;
  text[0] = 0;
  if (properties == NULL) return;
  if (the_host.property->get_string(properties, name, index, &value) != OFX_OK || value == NULL) return;
  size_t size = strlen(value);
  if (size >= capacity) size = capacity - 1;
  memcpy(text, value, size);
  text[size] = 0;
}

bool text_is(ofx_properties properties, const char *name, const char *wanted) {
  char text[96];
  get_text(properties, name, 0, text, sizeof text);
  return strcmp(text, wanted) == 0;
}

int nearest(double value) {
  if (!(value > -1e9)) return value <= -1e9 ? -1000000000 : 0;
  if (value > 1e9) return 1000000000;
  return (int)(value < 0 ? value - 0.5 : value + 0.5);
}

void message_persistent(ofx_effect effect, bool is_error, const char *text) {
  if (the_host.has_persistent_messages) {
    the_host.message->set_persistent(effect, is_error ? "OfxMessageError" : "OfxMessageWarning", "peanut", "%s", text);
  } else if (the_host.message != NULL) {
    /* A dialog for every frame would be worse than a line in the log. */
    the_host.message->message(effect, "OfxMessageLog", "peanut", "%s", text);
  }
}

void message_clear(ofx_effect effect) {
  if (the_host.has_persistent_messages) the_host.message->clear_persistent(effect);
}

void message_dialog(ofx_effect effect, bool is_error, const char *text) {
  if (the_host.message == NULL) return;
  the_host.message->message(effect, is_error ? "OfxMessageError" : "OfxMessageMessage", "peanut", "%s", text);
}

void progress_start(ofx_effect effect, const char *label) {
  if (the_host.progress_v2 != NULL) {
    the_host.progress_v2->start(effect, label, "peanut");
  } else if (the_host.progress_v1 != NULL) {
    the_host.progress_v1->start(effect, label);
  }
}

bool progress_update(ofx_effect effect, double fraction) {
  if (the_host.effect->abort(effect)) return false;
  if (fraction < 0) fraction = 0;
  if (fraction > 1) fraction = 1;
  if (the_host.progress_v2 != NULL) return the_host.progress_v2->update(effect, fraction) == OFX_OK;
  if (the_host.progress_v1 != NULL) return the_host.progress_v1->update(effect, fraction) == OFX_OK;
  return true;
}

void progress_end(ofx_effect effect) {
  if (the_host.progress_v2 != NULL) {
    the_host.progress_v2->end(effect);
  } else if (the_host.progress_v1 != NULL) {
    the_host.progress_v1->end(effect);
  }
}
