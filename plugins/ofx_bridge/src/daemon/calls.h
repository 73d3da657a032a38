/* The daemon's calls that the bridge makes. Frames count from the clip's first; ranges are half open. */
#ifndef PEANUT_DAEMON_CALLS_H
#define PEANUT_DAEMON_CALLS_H

#include "daemon/link.h"

#define ID_BYTES 80
#define PATH_BYTES 1024

struct host_session {
  char id[ID_BYTES];
  int64_t frames_stored;
  int64_t frames_total;
  char clip_path[PATH_BYTES]; /* Empty: no clip was made yet. */
  char output_dir[PATH_BYTES];
  char transfer_dir[PATH_BYTES];
};

/* What the frames of a session are; all zeros for one that only has folders. */
struct host_clip {
  int width;
  int height;
  int sample_bytes; /* 1 or 2. */
  int rate_num;
  int rate_den;
  int64_t first_time;
  int64_t frame_count;
  int aspect_num; /* Width of a pixel over its height. */
  int aspect_den;
};

struct edit_facts {
  char id[ID_BYTES];
  int width;
  int height;
  int64_t start_frame;
  int64_t end_frame;
};

struct picture_request {
  const char *edit_id;
  const char *job_id;
  int view; /* HOST_VIEW_... */
  int64_t frame_index;
  int width;
  int height;
  int sample_bytes;
};

struct picture {
  int width;
  int height;
  int components; /* 1 or 4. */
  int sample_bytes;
  struct buffer pixels; /* Rows from the top, without gaps. */
};

struct render_request {
  const char *edit_id;
  int deliverable; /* DELIVERABLE_... */
  const char *profile;
  const char *output_path;
  bool may_replace; /* What lies at that path. */
};

/* Where long calls report to. */
struct listener {
  link_tick tick;
  void *context;
};

bool call_open_session(struct daemon_link *link, const char *session_id, const struct host_clip *clip,
                       struct host_session *session, int64_t deadline_ms, struct problem *problem);
/* `rgb` has rows from the top without gaps, of the session's size and sample. */
bool call_put_frame(struct daemon_link *link, struct host_session *session, int64_t time, const void *rgb, size_t size,
                    int64_t deadline_ms, struct problem *problem);
bool call_finish_session(struct daemon_link *link, struct host_session *session, struct listener listener,
                         struct problem *problem);
/* `start_frame` = `end_frame` = 0: the whole clip. */
bool call_create_edit(struct daemon_link *link, const char *path, int64_t start_frame, int64_t end_frame,
                      struct edit_facts *edit, int64_t deadline_ms, struct problem *problem);
/* `requests` are TrackMasksRequest messages. */
bool call_track(struct daemon_link *link, const struct buffer *requests, size_t count, struct listener listener,
                struct problem *problem);
bool call_approve(struct daemon_link *link, const char *edit_id, int grow_px, int feather_px, int64_t deadline_ms,
                  struct problem *problem);
/* `job_id` has ID_BYTES. */
bool call_start_render(struct daemon_link *link, const struct render_request *request, char *job_id,
                       int64_t deadline_ms, struct problem *problem);
/* Until the job has ended; fails with the job's own error. */
bool call_watch(struct daemon_link *link, const char *job_id, struct listener listener, struct problem *problem);
bool call_cancel_job(struct daemon_link *link, const char *job_id, int64_t deadline_ms, struct problem *problem);
bool call_picture(struct daemon_link *link, const struct picture_request *request, struct picture *picture,
                  int64_t deadline_ms, struct problem *problem);

#endif
