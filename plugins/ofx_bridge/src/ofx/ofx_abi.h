/*
 * The OpenFX image effect interface, version 1.4, as far as this plugin uses it, in our own words.
 *
 * The order of the functions in a suite is the interface: they are called by place. Functions that a suite has but
 * this plugin never calls are `ofx_unused`, so that the places stay right.
 */
#ifndef PEANUT_OFX_ABI_H
#define PEANUT_OFX_ABI_H

#include <stddef.h>

#if defined(_WIN32)
#define OFX_EXPORT __declspec(dllexport)
#else
#define OFX_EXPORT __attribute__((visibility("default")))
#endif

typedef struct ofx_property_set *ofx_properties;
typedef struct ofx_image_effect *ofx_effect;
typedef struct ofx_image_clip *ofx_clip;
typedef struct ofx_param_instance *ofx_param;
typedef struct ofx_param_collection *ofx_param_set;
typedef int ofx_status;
typedef void (*ofx_unused)(void);

enum {
  OFX_OK = 0,
  OFX_FAILED = 1,
  OFX_MISSING_HOST_FEATURE = 4,
  OFX_ERROR_MEMORY = 8,
  OFX_BAD_HANDLE = 9,
  OFX_REPLY_YES = 12,
  OFX_REPLY_NO = 13,
  OFX_REPLY_DEFAULT = 14,
};

struct ofx_rect_i {
  int x1, y1, x2, y2;
};

struct ofx_rect_d {
  double x1, y1, x2, y2;
};

struct ofx_host {
  ofx_properties host;
  const void *(*fetch_suite)(ofx_properties host, const char *name, int version);
};

struct ofx_plugin {
  const char *api;
  int api_version;
  const char *identifier;
  unsigned version_major;
  unsigned version_minor;
  void (*set_host)(struct ofx_host *host);
  ofx_status (*main_entry)(const char *action, const void *handle, ofx_properties in, ofx_properties out);
};

struct ofx_property_suite {
  ofx_status (*set_pointer)(ofx_properties, const char *name, int index, void *value);
  ofx_status (*set_string)(ofx_properties, const char *name, int index, const char *value);
  ofx_status (*set_double)(ofx_properties, const char *name, int index, double value);
  ofx_status (*set_int)(ofx_properties, const char *name, int index, int value);
  ofx_unused set_pointer_n, set_string_n, set_double_n, set_int_n;
  ofx_status (*get_pointer)(ofx_properties, const char *name, int index, void **value);
  ofx_status (*get_string)(ofx_properties, const char *name, int index, char **value);
  ofx_status (*get_double)(ofx_properties, const char *name, int index, double *value);
  ofx_status (*get_int)(ofx_properties, const char *name, int index, int *value);
  ofx_unused get_pointer_n, get_string_n, get_double_n, get_int_n;
  ofx_unused reset, get_dimension;
};

struct ofx_effect_suite {
  ofx_status (*get_properties)(ofx_effect, ofx_properties *);
  ofx_status (*get_param_set)(ofx_effect, ofx_param_set *);
  ofx_status (*define_clip)(ofx_effect, const char *name, ofx_properties *);
  ofx_status (*get_clip)(ofx_effect, const char *name, ofx_clip *, ofx_properties *);
  ofx_status (*get_clip_properties)(ofx_clip, ofx_properties *);
  ofx_status (*get_image)(ofx_clip, double time, const struct ofx_rect_d *region, ofx_properties *image);
  ofx_status (*release_image)(ofx_properties image);
  ofx_status (*get_clip_region)(ofx_clip, double time, struct ofx_rect_d *);
  int (*abort)(ofx_effect);
  ofx_unused memory_alloc, memory_free, memory_lock, memory_unlock;
};

/* The functions that carry values are variadic, and must be called as such: some systems pass them elsewhere. */
struct ofx_param_suite {
  ofx_status (*define)(ofx_param_set, const char *type, const char *name, ofx_properties *);
  ofx_status (*get_handle)(ofx_param_set, const char *name, ofx_param *, ofx_properties *);
  ofx_status (*get_set_properties)(ofx_param_set, ofx_properties *);
  ofx_status (*get_properties)(ofx_param, ofx_properties *);
  ofx_status (*get_value)(ofx_param, ...);
  ofx_status (*get_value_at_time)(ofx_param, double time, ...);
  ofx_unused get_derivative, get_integral;
  ofx_status (*set_value)(ofx_param, ...);
  ofx_unused set_value_at_time, get_num_keys, get_key_time, get_key_index, delete_key, delete_all_keys, copy;
  ofx_status (*edit_begin)(ofx_param_set, const char *undo_name);
  ofx_status (*edit_end)(ofx_param_set);
};

struct ofx_message_suite {
  ofx_status (*message)(void *effect, const char *type, const char *id, const char *format, ...);
  /* From version 2 on: */
  ofx_status (*set_persistent)(void *effect, const char *type, const char *id, const char *format, ...);
  ofx_status (*clear_persistent)(void *effect);
};

struct ofx_progress_suite_v1 {
  ofx_status (*start)(void *effect, const char *label);
  ofx_status (*update)(void *effect, double fraction);
  ofx_status (*end)(void *effect);
};

struct ofx_progress_suite_v2 {
  ofx_status (*start)(void *effect, const char *message, const char *id);
  ofx_status (*update)(void *effect, double fraction);
  ofx_status (*end)(void *effect);
};

#endif
