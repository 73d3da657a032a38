/* The way in: what the library exports, and which action goes where. */
#include <string.h>

#include "ofx/commands.h"
#include "ofx/render.h"

#define IDENTIFIER "org.peanut.ObjectRemoval"
#define LABEL "PEANUT Object Removal"

static ofx_status describe(ofx_effect effect) {
  static const char *const DEPTHS[] = {"OfxBitDepthByte", "OfxBitDepthShort", "OfxBitDepthHalf", "OfxBitDepthFloat"};
  static const char *const CONTEXTS[] = {"OfxImageEffectContextFilter", "OfxImageEffectContextGeneral"};
  ofx_properties p = NULL;
  if (the_host.effect->get_properties(effect, &p) != OFX_OK || p == NULL) return OFX_FAILED;
  set_text(p, "OfxPropLabel", 0, LABEL);
  set_text(p, "OfxPropShortLabel", 0, "PEANUT");
  set_text(p, "OfxPropLongLabel", 0, LABEL);
  set_text(p, "OfxImageEffectPluginPropGrouping", 0, "PEANUT");
  set_text(p, "OfxPropPluginDescription", 0,
           "Removes objects from a shot. Needs the PEANUT daemon on this machine (`peanut serve`): say what must go, "
           "press Analyse, look at the mask overlay, approve it, press Process.");
  for (int k = 0; k < 2; k++) set_text(p, "OfxImageEffectPropSupportedContexts", k, CONTEXTS[k]);
  for (int k = 0; k < 4; k++) set_text(p, "OfxImageEffectPropSupportedPixelDepths", k, DEPTHS[k]);
  set_int(p, "OfxImageEffectPluginPropSingleInstance", 0, 0);
  set_int(p, "OfxImageEffectPluginPropHostFrameThreading", 0, 0);
  set_int(p, "OfxImageEffectPropSupportsMultiResolution", 0, 1);
  set_int(p, "OfxImageEffectPropSupportsTiles", 0, 0);
  set_int(p, "OfxImageEffectPropTemporalClipAccess", 0, 1);
  set_int(p, "OfxImageEffectPluginPropFieldRenderTwiceAlways", 0, 0);
  set_int(p, "OfxImageEffectPropMultipleClipDepths", 0, 0);
  set_int(p, "OfxImageEffectPropSupportsMultipleClipPARs", 0, 0);
  set_text(p, "OfxImageEffectPluginRenderThreadSafety", 0, "OfxImageEffectRenderInstanceSafe");
  return OFX_OK;
}

static bool define_clip(ofx_effect effect, const char *name, bool is_mask) {
  ofx_properties p = NULL;
  if (the_host.effect->define_clip(effect, name, &p) != OFX_OK || p == NULL) return false;
  static const char *const COMPONENTS[] = {"OfxImageComponentRGBA", "OfxImageComponentRGB", "OfxImageComponentAlpha"};
  for (int k = 0; k < 3; k++) {
    set_text(p, "OfxImageEffectPropSupportedComponents", k, COMPONENTS[is_mask ? 2 - k : k]);
  }
  set_int(p, "OfxImageEffectPropTemporalClipAccess", 0, strcmp(name, "Source") == 0 || is_mask);
  set_int(p, "OfxImageClipPropOptional", 0, is_mask);
  set_int(p, "OfxImageClipPropIsMask", 0, is_mask);
  set_int(p, "OfxImageEffectPropSupportsTiles", 0, 0);
  return true;
}

static ofx_status describe_in_context(ofx_effect effect, ofx_properties in) {
  ofx_param_set set = NULL;
  if (!define_clip(effect, "Output", false) || !define_clip(effect, "Source", false)) return OFX_FAILED;
  if (text_is(in, "OfxImageEffectPropContext", "OfxImageEffectContextGeneral") && !define_clip(effect, "Mask", true)) {
    return OFX_FAILED;
  }
  if (the_host.effect->get_param_set(effect, &set) != OFX_OK || set == NULL) return OFX_FAILED;
  params_define(set);
  return OFX_OK;
}

static ofx_status act(const char *action, ofx_effect effect, ofx_properties in, ofx_properties out) {
  if (strcmp(action, "OfxActionLoad") == 0) return host_load();
  if (the_host.effect == NULL) return OFX_MISSING_HOST_FEATURE; /* Load failed, and the host went on. */
  if (strcmp(action, "OfxActionUnload") == 0) {
    host_unload();
    return OFX_OK;
  }
  if (strcmp(action, "OfxActionDescribe") == 0) return describe(effect);
  if (strcmp(action, "OfxImageEffectActionDescribeInContext") == 0) return describe_in_context(effect, in);
  if (strcmp(action, "OfxActionCreateInstance") == 0) {
    return instance_create(effect) != NULL ? OFX_OK : OFX_FAILED;
  }
  static const char *const OURS[] = {"OfxActionDestroyInstance",
                                     "OfxActionInstanceChanged",
                                     "OfxImageEffectActionRender",
                                     "OfxImageEffectActionIsIdentity",
                                     "OfxImageEffectActionGetRegionsOfInterest",
                                     "OfxActionSyncPrivateData"};
  size_t which = 0;
  while (which < sizeof OURS / sizeof OURS[0] && strcmp(action, OURS[which]) != 0) which++;
  if (which == sizeof OURS / sizeof OURS[0]) return OFX_REPLY_DEFAULT;
  struct instance *instance = instance_of(effect);
  if (instance == NULL) return OFX_BAD_HANDLE;
  switch (which) {
    case 0:
      instance_destroy(instance);
      return OFX_OK;
    case 1:
      return command_changed(instance, in);
    case 2:
      return render_frame(instance, in);
    case 3:
      return render_identity(instance, in, out);
    case 4:
      return render_regions(instance, in, out);
    default: /* All that must be saved is in parameters already. */
      return OFX_OK;
  }
}

static ofx_status main_entry(const char *action, const void *handle, ofx_properties in, ofx_properties out) {
  if (action == NULL) return OFX_FAILED;
  /* The interface hands every handle over as a pointer to something constant. */
  union {
    const void *given;
    ofx_effect effect;
  } cast = {handle};
  return act(action, cast.effect, in, out);
}

static struct ofx_plugin the_plugin = {
    "OfxImageEffectPluginAPI", 1, IDENTIFIER, PEANUT_OFX_VERSION_MAJOR, PEANUT_OFX_VERSION_MINOR, host_set, main_entry,
};

OFX_EXPORT int OfxGetNumberOfPlugins(void);
OFX_EXPORT struct ofx_plugin *OfxGetPlugin(int nth);

int OfxGetNumberOfPlugins(void) { return 1; }

struct ofx_plugin *OfxGetPlugin(int nth) { return nth == 0 ? &the_plugin : NULL; }
