#include "ofx/params.h"

#include <stdio.h>
#include <string.h>

#define FARTHEST 1e6
#define MAX_FRAME 10000000
#define MAX_GROW 256

enum kind {
  KIND_CHOICE,
  KIND_BOOLEAN,
  KIND_INTEGER,
  KIND_DOUBLE,
  KIND_TEXT,
  KIND_LINES,
  KIND_FILE,
  KIND_LABEL,
  KIND_BUTTON
};

struct definition {
  const char *name;
  enum kind kind;
  const char *label;
  const char *hint;
  const char *group;
  const char *const *options; /* Of a choice. */
  double low, high, preset;
  bool hidden;
  bool does_not_render; /* A change of it changes no pixel by itself. */
};

static const char *const VIEWS[] = {"Source", "Mask overlay", "Matte", "Plate", "Result", NULL};
static const char *const DELIVERABLES[] = {"Patch", "Full frames", "Upscaled 4x", NULL};
static const char *const PROFILES[] = {"embedded", "paper", "commercial", NULL};
static const char *const SIGNS[] = {"Off", "Include", "Exclude", NULL};

/* In the order of `enum param`, which is the order on the page. */
static const struct definition DEFINITIONS[PARAM_SINGLE_COUNT] = {
    [PARAM_VIEW] = {.name = "view",
                    .kind = KIND_CHOICE,
                    .label = "View",
                    .options = VIEWS,
                    .preset = VIEW_RESULT,
                    .hint = "What the effect shows. Without a result the source is passed through."},
    [PARAM_STATUS] = {.name = "status",
                      .kind = KIND_LABEL,
                      .label = "Status",
                      .does_not_render = true,
                      .hint = "What PEANUT did last, or what to do next."},
    [PARAM_FILE] =
        {.name = "sourceFile",
         .kind = KIND_FILE,
         .label = "Source file",
         .group = "sourceGroup",
         .does_not_render = true,
         .hint = "The media file of the clip, if the daemon may read it itself: the fastest and most exact way."},
    [PARAM_FILE_OFFSET] = {.name = "sourceOffset",
                           .kind = KIND_INTEGER,
                           .label = "Source offset",
                           .group = "sourceGroup",
                           .low = -MAX_FRAME,
                           .high = MAX_FRAME,
                           .hint = "Frame of the file that is shown at the host's frame 0."},
    [PARAM_COLLECT] = {.name = "collect",
                       .kind = KIND_BOOLEAN,
                       .label = "Collect while playing",
                       .group = "sourceGroup",
                       .hint = "Hands each frame to the daemon while it is rendered; for hosts where Analyse gets no "
                               "frames. Play the whole clip once at full size, then press Process."},
    [PARAM_ANALYSE] = {.name = "analyse",
                       .kind = KIND_BUTTON,
                       .label = "Analyse",
                       .group = "sourceGroup",
                       .hint = "Brings the clip to the daemon and finds the masks of all prompts."},
    [PARAM_TEXT] = {.name = "text",
                    .kind = KIND_TEXT,
                    .label = "What must go",
                    .group = "targetGroup",
                    .does_not_render = true,
                    .hint = "In words, for target 1; needs a profile that understands text."},
    [PARAM_TARGETS] = {.name = "targets",
                       .kind = KIND_LINES,
                       .label = "Targets",
                       .group = "targetGroup",
                       .does_not_render = true,
                       .hint = "Names of the targets, one in each line: the first line is target 1."},
    [PARAM_USE_MASK] = {.name = "useMask",
                        .kind = KIND_BOOLEAN,
                        .label = "Use the Mask input",
                        .group = "targetGroup",
                        .does_not_render = true,
                        .hint = "Takes ready masks from the Mask input as target 1. Some hosts always say that it is "
                                "connected, so it has a switch."},
    [PARAM_APPROVE] = {.name = "approve",
                       .kind = KIND_BUTTON,
                       .label = "Approve masks",
                       .group = "targetGroup",
                       .hint = "Freezes the masks as the matte. Look at the mask overlay first."},
    [PARAM_REVIEW] = {.name = "review",
                      .kind = KIND_BUTTON,
                      .label = "Open review page",
                      .group = "targetGroup",
                      .hint = "Shows the masks in the browser, where they can be corrected."},
    [PARAM_GROW] = {.name = "grow",
                    .kind = KIND_INTEGER,
                    .label = "Grow",
                    .group = "targetGroup",
                    .high = MAX_GROW,
                    .preset = 4,
                    .does_not_render = true,
                    .hint = "Pixels by which the masks are grown."},
    [PARAM_FEATHER] = {.name = "feather",
                       .kind = KIND_INTEGER,
                       .label = "Feather",
                       .group = "targetGroup",
                       .high = MAX_GROW,
                       .preset = 2,
                       .does_not_render = true,
                       .hint = "Of the growth, pixels over which the matte fades out."},
    [PARAM_DELIVERABLE] = {.name = "deliverable",
                           .kind = KIND_CHOICE,
                           .label = "Deliverable",
                           .group = "resultGroup",
                           .options = DELIVERABLES,
                           .preset = 1,
                           .does_not_render = true,
                           .hint = "What the daemon writes as a file besides what is shown here."},
    [PARAM_PROFILE] = {.name = "profile",
                       .kind = KIND_CHOICE,
                       .label = "Profile",
                       .group = "resultGroup",
                       .options = PROFILES,
                       .does_not_render = true,
                       .hint = "Which models do the work."},
    [PARAM_OUTPUT] = {.name = "outputFile",
                      .kind = KIND_FILE,
                      .label = "Write to",
                      .group = "resultGroup",
                      .does_not_render = true,
                      .hint =
                          "File of the deliverable (.mkv), which must not exist yet. Empty: beside the daemon's data."},
    [PARAM_PROCESS] = {.name = "process",
                       .kind = KIND_BUTTON,
                       .label = "Process",
                       .group = "resultGroup",
                       .hint = "Removes the targets. Masks must be approved."},
    [PARAM_REFRESH] = {.name = "refresh",
                       .kind = KIND_BUTTON,
                       .label = "Refresh",
                       .group = "resultGroup",
                       .hint = "Makes the host forget the frames that it has cached."},
    [PARAM_STRICT] = {.name = "failInstead",
                      .kind = KIND_BOOLEAN,
                      .label = "Fail instead of pass through",
                      .group = "resultGroup",
                      .hint = "For final renders: a frame without its picture is an error."},
    [PARAM_WAIT] = {.name = "waitSeconds",
                    .kind = KIND_DOUBLE,
                    .label = "Wait per frame (s)",
                    .group = "resultGroup",
                    .low = 0.1,
                    .high = 60,
                    .preset = 1.5,
                    .does_not_render = true,
                    .hint = "How long a frame waits for the daemon before the source is passed through."},
    [PARAM_STATE] = {.name = "state", .kind = KIND_TEXT, .label = "State", .hidden = true},
    [PARAM_REVISION] = {.name = "revision", .kind = KIND_INTEGER, .label = "Revision", .high = 1e9, .hidden = true},
};

static const char *const GROUPS[][2] = {
    {"sourceGroup", "Source"}, {"targetGroup", "Targets"}, {"pointGroup", "Points"},
    {"boxGroup", "Boxes"},     {"resultGroup", "Result"},
};

const char *param_name(enum param param) { return DEFINITIONS[param].name; }

const char *profile_name(int option) { return PROFILES[option >= 0 && option <= 2 ? option : 0]; }

static ofx_properties define(ofx_param_set set, const char *type, const char *name, const char *label,
                             const char *group) {
  ofx_properties properties = NULL;
  if (the_host.param->define(set, type, name, &properties) != OFX_OK || properties == NULL) return NULL;
  set_text(properties, "OfxPropLabel", 0, label);
  set_text(properties, "OfxPropShortLabel", 0, label);
  set_text(properties, "OfxPropLongLabel", 0, label);
  set_text(properties, "OfxParamPropScriptName", 0, name);
  if (group != NULL) set_text(properties, "OfxParamPropParent", 0, group);
  if (strcmp(type, "OfxParamTypeGroup") != 0) set_int(properties, "OfxParamPropAnimates", 0, 0);
  return properties;
}

/* Without both pairs of bounds, Resolve takes -1 to 1. */
static void set_bounds(ofx_properties properties, bool is_double, int dimension, double low, double high) {
  static const char *const NAMES[] = {"OfxParamPropMin", "OfxParamPropDisplayMin", "OfxParamPropMax",
                                      "OfxParamPropDisplayMax"};
  for (int k = 0; k < 4 * dimension; k++) {
    const char *name = NAMES[k / dimension];
    double value = k / dimension < 2 ? low : high;
    if (is_double) {
      set_double(properties, name, k % dimension, value);
    } else {
      set_int(properties, name, k % dimension, (int)value);
    }
  }
}

static const char *type_of(enum kind kind) {
  switch (kind) {
    case KIND_CHOICE:
      return "OfxParamTypeChoice";
    case KIND_BOOLEAN:
      return "OfxParamTypeBoolean";
    case KIND_INTEGER:
      return "OfxParamTypeInteger";
    case KIND_DOUBLE:
      return "OfxParamTypeDouble";
    case KIND_BUTTON:
      return "OfxParamTypePushButton";
    case KIND_TEXT:
    case KIND_LINES:
    case KIND_FILE:
    case KIND_LABEL:
      break;
  }
  return "OfxParamTypeString";
}

static const char *string_mode_of(enum kind kind) {
  switch (kind) {
    case KIND_LINES:
      return "OfxParamStringIsMultiLine";
    case KIND_FILE:
      return "OfxParamStringIsFilePath";
    case KIND_LABEL:
      return "OfxParamStringIsLabel";
    default:
      return "OfxParamStringIsSingleLine";
  }
}

static void define_single(ofx_param_set set, const struct definition *d) {
  ofx_properties properties = define(set, type_of(d->kind), d->name, d->label, d->group);
  if (properties == NULL) return;
  if (d->hint != NULL) set_text(properties, "OfxParamPropHint", 0, d->hint);
  if (d->hidden) set_int(properties, "OfxParamPropSecret", 0, 1);
  if (d->does_not_render) set_int(properties, "OfxParamPropEvaluateOnChange", 0, 0);
  for (int k = 0; d->options != NULL && d->options[k] != NULL; k++) {
    set_text(properties, "OfxParamPropChoiceOption", k, d->options[k]);
  }
  if (d->kind == KIND_CHOICE || d->kind == KIND_BOOLEAN || d->kind == KIND_INTEGER) {
    set_int(properties, "OfxParamPropDefault", 0, (int)d->preset);
  }
  if (d->kind == KIND_INTEGER || d->kind == KIND_DOUBLE) {
    set_bounds(properties, d->kind == KIND_DOUBLE, 1, d->low, d->high);
  }
  if (d->kind == KIND_DOUBLE) set_double(properties, "OfxParamPropDefault", 0, d->preset);
  if (strcmp(type_of(d->kind), "OfxParamTypeString") == 0) {
    set_text(properties, "OfxParamPropStringMode", 0, string_mode_of(d->kind));
    set_text(properties, "OfxParamPropDefault", 0, "");
    if (d->kind == KIND_FILE) set_int(properties, "OfxParamPropStringFilePathExists", 0, d->group[0] == 's');
  }
  if (d->kind == KIND_LABEL) set_int(properties, "OfxParamPropPersistant", 0, 0);
}

static void define_position(ofx_param_set set, const char *name, const char *label, const char *group) {
  ofx_properties properties = define(set, "OfxParamTypeDouble2D", name, label, group);
  if (properties == NULL) return;
  set_text(properties, "OfxParamPropHint", 0, "From the bottom left corner, in the host's coordinates.");
  set_text(properties, "OfxParamPropDoubleType", 0, "OfxParamDoubleTypeXYAbsolute");
  set_text(properties, "OfxParamPropDefaultCoordinateSystem", 0, "OfxParamCoordinatesCanonical");
  set_int(properties, "kOfxParamPropUseHostOverlayHandle", 0, 1);
  set_int(properties, "OfxParamPropEvaluateOnChange", 0, 0);
  set_bounds(properties, true, 2, -FARTHEST, FARTHEST);
  for (int k = 0; k < 2; k++) set_double(properties, "OfxParamPropDefault", k, 0);
}

static void define_integer(ofx_param_set set, const char *name, const char *label, const char *group, int low, int high,
                           int preset) {
  ofx_properties properties = define(set, "OfxParamTypeInteger", name, label, group);
  if (properties == NULL) return;
  set_int(properties, "OfxParamPropDefault", 0, preset);
  set_int(properties, "OfxParamPropEvaluateOnChange", 0, 0);
  set_bounds(properties, false, 1, low, high);
}

static void define_points(ofx_param_set set) {
  char name[32], label[32];
  for (int k = 1; k <= POINT_COUNT; k++) {
    snprintf(name, sizeof name, "point%dSign", k);
    snprintf(label, sizeof label, "Point %d", k);
    ofx_properties sign = define(set, "OfxParamTypeChoice", name, label, "pointGroup");
    for (int option = 0; sign != NULL && SIGNS[option] != NULL; option++) {
      set_text(sign, "OfxParamPropChoiceOption", option, SIGNS[option]);
    }
    if (sign != NULL) set_int(sign, "OfxParamPropEvaluateOnChange", 0, 0);
    snprintf(name, sizeof name, "point%d", k);
    define_position(set, name, "Position", "pointGroup");
    snprintf(name, sizeof name, "point%dFrame", k);
    define_integer(set, name, "On frame", "pointGroup", -MAX_FRAME, MAX_FRAME, 0);
    snprintf(name, sizeof name, "point%dTarget", k);
    define_integer(set, name, "Of target", "pointGroup", 1, TARGET_COUNT, 1);
  }
}

static void define_boxes(ofx_param_set set) {
  char name[32], label[32];
  for (int k = 1; k <= BOX_COUNT; k++) {
    snprintf(name, sizeof name, "box%dUse", k);
    snprintf(label, sizeof label, "Box %d", k);
    ofx_properties use = define(set, "OfxParamTypeBoolean", name, label, "boxGroup");
    if (use != NULL) set_int(use, "OfxParamPropDefault", 0, 0);
    if (use != NULL) set_int(use, "OfxParamPropEvaluateOnChange", 0, 0);
    snprintf(name, sizeof name, "box%dCorner", k);
    define_position(set, name, "Corner", "boxGroup");
    snprintf(name, sizeof name, "box%dOpposite", k);
    define_position(set, name, "Opposite corner", "boxGroup");
    snprintf(name, sizeof name, "box%dFrame", k);
    define_integer(set, name, "On frame", "boxGroup", -MAX_FRAME, MAX_FRAME, 0);
    snprintf(name, sizeof name, "box%dTarget", k);
    define_integer(set, name, "Of target", "boxGroup", 1, TARGET_COUNT, 1);
  }
}

void params_define(ofx_param_set set) {
  for (size_t k = 0; k < sizeof GROUPS / sizeof GROUPS[0]; k++) {
    ofx_properties group = define(set, "OfxParamTypeGroup", GROUPS[k][0], GROUPS[k][1], NULL);
    bool is_closed = strcmp(GROUPS[k][0], "pointGroup") == 0 || strcmp(GROUPS[k][0], "boxGroup") == 0;
    if (group != NULL) set_int(group, "OfxParamPropGroupOpen", 0, is_closed ? 0 : 1);
  }
  for (int k = 0; k < PARAM_SINGLE_COUNT; k++) {
    define_single(set, &DEFINITIONS[k]);
    if (k != PARAM_TARGETS) continue;
    define_points(set);
    define_boxes(set);
  }
}

static ofx_param find(ofx_param_set set, const char *name) {
  ofx_param param = NULL;
  return the_host.param->get_handle(set, name, &param, NULL) == OFX_OK ? param : NULL;
}

static ofx_param find_numbered(ofx_param_set set, const char *what, int number, const char *part) {
  char name[32];
  snprintf(name, sizeof name, "%s%d%s", what, number, part);
  return find(set, name);
}

void params_find(ofx_param_set set, struct params *params) {
  for (int k = 0; k < PARAM_SINGLE_COUNT; k++) params->single[k] = find(set, DEFINITIONS[k].name);
  for (int k = 0; k < POINT_COUNT; k++) {
    params->points[k] = (struct point_params){
        find_numbered(set, "point", k + 1, "Sign"), find_numbered(set, "point", k + 1, ""),
        find_numbered(set, "point", k + 1, "Frame"), find_numbered(set, "point", k + 1, "Target")};
  }
  for (int k = 0; k < BOX_COUNT; k++) {
    params->boxes[k] =
        (struct box_params){find_numbered(set, "box", k + 1, "Use"), find_numbered(set, "box", k + 1, "Corner"),
                            find_numbered(set, "box", k + 1, "Opposite"), find_numbered(set, "box", k + 1, "Frame"),
                            find_numbered(set, "box", k + 1, "Target")};
  }
}

ofx_param frame_param_of(const struct params *params, const char *name) {
  char wanted[32];
  for (int k = 0; k < POINT_COUNT; k++) {
    snprintf(wanted, sizeof wanted, "point%d", k + 1);
    if (strcmp(name, wanted) == 0) return params->points[k].frame;
  }
  for (int k = 0; k < BOX_COUNT; k++) {
    snprintf(wanted, sizeof wanted, "box%dCorner", k + 1);
    if (strcmp(name, wanted) == 0) return params->boxes[k].frame;
  }
  return NULL;
}

int param_int(ofx_param param, int fallback) {
  int value = fallback;
  return param != NULL && the_host.param->get_value(param, &value) == OFX_OK ? value : fallback;
}

double param_double(ofx_param param, double fallback) {
  double value = fallback;
  return param != NULL && the_host.param->get_value(param, &value) == OFX_OK ? value : fallback;
}

void param_pair(ofx_param param, double *x, double *y) {
  *x = *y = 0;
  if (param != NULL) the_host.param->get_value(param, x, y);
}

void param_text(ofx_param param, char *text, size_t capacity) {
  char *value = NULL;
  text[0] = 0;
  if (param == NULL || the_host.param->get_value(param, &value) != OFX_OK || value == NULL) return;
  size_t size = strlen(value);
  if (size >= capacity) return; /* Half a state or half a path is worse than none. */
  memcpy(text, value, size + 1);
}

void param_set_int(ofx_param param, int value) {
  if (param != NULL) the_host.param->set_value(param, value);
}

void param_set_text(ofx_param param, const char *text) {
  if (param != NULL) the_host.param->set_value(param, text);
}
