/* The host: its suites, and reading and writing its properties without tripping over what it lacks. */
#ifndef PEANUT_OFX_HOST_H
#define PEANUT_OFX_HOST_H

#include <stdbool.h>

#include "ofx/ofx_abi.h"

struct host {
  const struct ofx_host *handle;
  const struct ofx_property_suite *property;
  const struct ofx_effect_suite *effect;
  const struct ofx_param_suite *param;
  const struct ofx_message_suite *message; /* May be NULL. */
  bool has_persistent_messages;
  const struct ofx_progress_suite_v1 *progress_v1; /* One of the two, or none. */
  const struct ofx_progress_suite_v2 *progress_v2;
};

/* The one host of this process; filled by host_load, emptied by host_unload. */
extern struct host the_host;

void host_set(struct ofx_host *handle);
/* Fetches all suites; OFX_MISSING_HOST_FEATURE where one is missing that nothing goes without. */
ofx_status host_load(void);
void host_unload(void);

/* Setting what a host does not know fails, and that does not matter. */
void set_text(ofx_properties properties, const char *name, int index, const char *value);
void set_int(ofx_properties properties, const char *name, int index, int value);
void set_double(ofx_properties properties, const char *name, int index, double value);
/* What the host does not know is the fallback. Texts are copied. */
int get_int(ofx_properties properties, const char *name, int index, int fallback);
double get_double(ofx_properties properties, const char *name, int index, double fallback);
void get_text(ofx_properties properties, const char *name, int index, char *text, size_t capacity);
bool text_is(ofx_properties properties, const char *name, const char *wanted);

/* The nearest whole number, at most a thousand million away from 0: hosts call a clip without an end infinite. */
int nearest(double value);

/* Says something to the user, once and for this effect; in a viewer where the host has one for it. */
void message_persistent(ofx_effect effect, bool is_error, const char *text);
void message_clear(ofx_effect effect);
/* Says something in a dialog. Only from the main thread. */
void message_dialog(ofx_effect effect, bool is_error, const char *text);

void progress_start(ofx_effect effect, const char *label);
/* False: the user pressed cancel, or the host aborts. */
bool progress_update(ofx_effect effect, double fraction);
void progress_end(ofx_effect effect);

#endif
