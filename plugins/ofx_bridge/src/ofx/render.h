/* One frame: the view that was asked for, or the source with a word about why. */
#ifndef PEANUT_OFX_RENDER_H
#define PEANUT_OFX_RENDER_H

#include "ofx/instance.h"

ofx_status render_frame(struct instance *instance, ofx_properties in);
/* OFX_OK with the clip's name in `out` where the effect does nothing. */
ofx_status render_identity(struct instance *instance, ofx_properties in, ofx_properties out);
/* The whole source frame is needed, however small the window. */
ofx_status render_regions(struct instance *instance, ofx_properties in, ofx_properties out);
/* Whether a time is a whole frame of the collected clip, and which one counted from its first. */
bool frame_of_time(double time, int64_t first, int64_t *frame);

#endif
