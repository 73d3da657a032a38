/*
 * The link to the user's daemon: found by its connection file, opened when it is needed, opened anew when it broke.
 * One call at a time; the owner holds a lock.
 */
#ifndef PEANUT_DAEMON_LINK_H
#define PEANUT_DAEMON_LINK_H

#include "grpc/protobuf.h"
#include "grpc/rpc.h"

/* The API minor that this plugin was built for. */
#define PEANUT_API_MINOR 1

struct daemon_link {
  struct http2 connection;
  char token[256];
  char review_address[512]; /* Of the daemon's review page; empty where it has none. */
  unsigned generation;      /* Counts the connections: another one may be another daemon. */
  bool no_files;            /* Files cannot be handed over: all goes through the connection. */
  int64_t retry_at_ms;      /* Until then, a caller without patience gets `last` at once. */
  struct problem last;
};

/* Called at least every 100 ms while something takes long; `fraction` is 0 to 1. False: the user wants it to stop. */
typedef bool (*link_tick)(void *context, double fraction);
/* Called with each message; returns how much is done, 0 to 1. */
typedef double (*link_message)(void *context, struct message_reader message);

struct link_stream {
  const char *path;
  const struct buffer *requests;
  size_t request_count;
  int64_t idle_ms; /* The daemon must say something within this. */
  link_message take;
  link_tick tick;
  void *context;
};

void link_init(struct daemon_link *link);
void link_close(struct daemon_link *link);
/* Finds and greets the daemon, unless that is done. `patient`: try also right after a failure. */
bool link_open(struct daemon_link *link, bool patient, int64_t deadline_ms, struct problem *problem);
/* One request, one answer. */
bool link_call(struct daemon_link *link, const char *path, const struct buffer *request, struct buffer *response,
               int64_t deadline_ms, struct problem *problem);
/* Requests out, messages in, for as long as it takes; STATUS_CANCELLED when the tick wants it to stop. */
bool link_run(struct daemon_link *link, const struct link_stream *stream, struct problem *problem);
/* Where the daemon of this user writes its address: `PEANUT_DATA_DIR` or the system's place. False: no home. */
bool connection_file_path(char *path, size_t capacity);

#endif
