/* From parameters to what the daemon is told about the targets. */
#ifndef PEANUT_OFX_PROMPTS_H
#define PEANUT_OFX_PROMPTS_H

#include "ofx/instance.h"

struct prompts {
  struct buffer requests[TARGET_COUNT]; /* TrackMasksRequest messages, one for each target. */
  size_t count;
  int targets;   /* Bit k: something was said about target k + 1. */
  char hash[24]; /* Of all of them; "" where nothing was said. */
};

/* FNV-1a: tells changed values from unchanged ones, nothing more. Start with HASH_START. */
#define HASH_START 14695981039346656037ULL
uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t count);

/*
 * Reads all prompts. Points outside the picture are left to the daemon to refuse. False: out of memory, or masks that
 * are wanted from the Mask input are missing.
 */
bool prompts_read(struct instance *instance, const struct saved_state *state, struct prompts *prompts,
                  struct problem *problem);
void prompts_free(struct prompts *prompts);

#endif
