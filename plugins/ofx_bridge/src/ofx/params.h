/* The parameters: what the user sees, and what a project saves. Names never change: saved projects know them. */
#ifndef PEANUT_OFX_PARAMS_H
#define PEANUT_OFX_PARAMS_H

#include <stdbool.h>
#include <stddef.h>

#include "ofx/host.h"

#define POINT_COUNT 8
#define BOX_COUNT 2
#define TARGET_COUNT 8
#define TEXT_BYTES 1024
#define STATE_BYTES 2048

/* In the order of the options. */
enum view { VIEW_SOURCE, VIEW_OVERLAY, VIEW_MATTE, VIEW_PLATE, VIEW_RESULT };
enum sign { SIGN_OFF, SIGN_INCLUDE, SIGN_EXCLUDE };

enum param {
  PARAM_VIEW,
  PARAM_STATUS,
  PARAM_FILE,
  PARAM_FILE_OFFSET,
  PARAM_COLLECT,
  PARAM_ANALYSE,
  PARAM_TEXT,
  PARAM_TARGETS,
  PARAM_USE_MASK,
  PARAM_APPROVE,
  PARAM_REVIEW,
  PARAM_GROW,
  PARAM_FEATHER,
  PARAM_DELIVERABLE,
  PARAM_PROFILE,
  PARAM_OUTPUT,
  PARAM_PROCESS,
  PARAM_REFRESH,
  PARAM_STRICT,
  PARAM_WAIT,
  PARAM_STATE,
  PARAM_REVISION,
  PARAM_SINGLE_COUNT,
};

/* One click. Positions are the host's: from the bottom left, square pixels. */
struct point_params {
  ofx_param sign, position, frame, target;
};

struct box_params {
  ofx_param enabled, corner, opposite, frame, target;
};

struct params {
  ofx_param single[PARAM_SINGLE_COUNT];
  struct point_params points[POINT_COUNT];
  struct box_params boxes[BOX_COUNT];
};

const char *param_name(enum param param);
/* Defines all parameters of a descriptor. */
void params_define(ofx_param_set set);
/* Finds them in an instance; those that the host does not have stay NULL. */
void params_find(ofx_param_set set, struct params *params);

int param_int(ofx_param param, int fallback);
double param_double(ofx_param param, double fallback);
void param_pair(ofx_param param, double *x, double *y);
void param_text(ofx_param param, char *text, size_t capacity);
void param_set_int(ofx_param param, int value);
void param_set_text(ofx_param param, const char *text);
/* The name of the profile that is chosen. */
const char *profile_name(int option);
/* Which point or box a frame belongs to that just was placed: the parameter of its frame; NULL for other names. */
ofx_param frame_param_of(const struct params *params, const char *name);

#endif
