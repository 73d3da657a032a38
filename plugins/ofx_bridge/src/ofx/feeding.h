/* Bringing the host's frames to the daemon: while it renders, or all in one go. */
#ifndef PEANUT_OFX_FEEDING_H
#define PEANUT_OFX_FEEDING_H

#include "ofx/instance.h"

/* A random id for a session. */
void session_new_id(char *id, size_t capacity);
/* Starts a new session in `state`, for the source's frame range; false with the reason. */
bool session_begin(struct instance *instance, double time, struct saved_state *state, struct problem *problem);
/* Hands over one frame that is being rendered; `problem` says how far the collection is, also when all is well. */
bool collect_frame(struct instance *instance, const struct saved_state *state, const struct host_image *source,
                   double time, int64_t deadline_ms, struct problem *problem);
/* Fetches the whole range from the host and hands it over. The caller holds the lock. */
bool analyse_range(struct instance *instance, const struct saved_state *state, struct problem *problem);
/* Makes a clip of the session's frames. The caller holds the lock. */
bool session_finish(struct instance *instance, const struct saved_state *state, struct problem *problem);
/* Opens the session of the state, unless it is open. The caller holds the lock. */
bool session_open(struct instance *instance, const struct saved_state *state, int64_t deadline_ms,
                  struct problem *problem);
/* A tick for long calls: shows how far they are, within [from, from + part] of the whole. */
struct progress_part {
  ofx_effect effect;
  double from, part;
};
bool progress_tick(void *context, double fraction);

#endif
