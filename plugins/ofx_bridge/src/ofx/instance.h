/* One effect in a project: its handles, its link to the daemon, and the state that travels in a parameter. */
#ifndef PEANUT_OFX_INSTANCE_H
#define PEANUT_OFX_INSTANCE_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/os.h"
#include "daemon/calls.h"
#include "image/pixels.h"
#include "ofx/params.h"

/* What a project remembers. Masks and frames stay with the daemon. */
struct saved_state {
  char session[ID_BYTES];
  char edit[ID_BYTES];
  char job[ID_BYTES];
  char prompts[24];  /* Hash of the prompts that the masks were made of. */
  char approved[24]; /* The same of those that the matte was approved of. */
  char job_prompts[24];
  struct host_clip clip; /* What the session takes; width 0: a file is read. */
  int64_t first;         /* The host's time of frame 0 of the daemon's clip. */
  char file[24];         /* Hash of the file that the daemon reads, and of the offset; "" for the host's frames. */
  int64_t start;         /* First frame of the edit. */
  int targets;           /* Bit k: target k + 1 was tracked. */
  int deliverable;       /* Of the job, as the parameter counts. */
  int width, height;     /* Of the daemon's clip. */
};

/* Masks that were collected, as PNGs. */
struct mask_store {
  struct buffer *pngs; /* One for each frame of the session; empty: not there. */
  size_t count;
  char session[ID_BYTES];
};

struct instance {
  ofx_effect effect;
  ofx_clip source, output, mask; /* `mask` is NULL where the context has none. */
  struct params params;
  struct lock lock; /* Over everything below it. */
  struct daemon_link link;
  struct host_session session; /* As it was last heard of; id "" before. */
  unsigned session_generation; /* Of the link, when it was heard of. */
  struct mask_store masks;
  struct lock message_lock;
  char message[sizeof(((struct problem *)0)->text)]; /* Shown in the viewer now; empty: none. */
  atomic_bool busy;                                  /* A button is at work: frames do not wait for it. */
};

/* An image that was taken from the host and must be given back. */
struct host_image {
  ofx_properties properties; /* NULL: none was given. */
  struct image pixels;
  struct rectangle whole; /* The whole frame at this scale. */
  double pixel_aspect;
  bool has_fields;
  char problem[160]; /* Why it cannot be used; empty: it can. */
};

struct instance *instance_create(ofx_effect effect);
void instance_destroy(struct instance *instance);
/* The instance that belongs to a handle; NULL if the host lost it. */
struct instance *instance_of(ofx_effect effect);

void state_read(const struct instance *instance, struct saved_state *state);
/* Only from actions in which the host allows parameters to be set. */
void state_write(const struct instance *instance, const struct saved_state *state);

/* Takes an image; false where the host gives none (nothing to give back then) or it cannot be used (it must). */
bool image_take(ofx_clip clip, double time, struct host_image *image);
void image_give_back(struct host_image *image);

/* Forgets the collected masks. */
void mask_store_free(struct mask_store *store);
/* Shows a message for frames, if it is not the one that is shown already; an empty one takes it away. */
void show_message(struct instance *instance, bool is_error, const char *text);

#endif
