/*
 * One HTTP/2 connection (RFC 9113) as a gRPC client needs it: one request at a time, no thread of its own, every wait
 * bounded by a deadline. A request that is given up leaves the connection usable.
 */
#ifndef PEANUT_GRPC_HTTP2_H
#define PEANUT_GRPC_HTTP2_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/problem.h"
#include "grpc/hpack.h"

struct http2_stream {
  uint32_t id; /* 0: no request is under way. */
  int64_t send_window;
  struct buffer body; /* What was received; the first `taken` bytes of it are done with. */
  size_t taken;
  size_t handed_out;   /* Bytes of the message that the caller looks at. */
  uint32_t unreported; /* Bytes taken since the peer was last told. */
  bool has_headers;    /* The first header block has come. */
  bool ended;          /* The peer has said all. */
  bool reset;          /* The peer broke the request off. */
  uint32_t reset_code;
  int http_status;
  int grpc_status; /* -1: none has come. */
  char content_type[64];
  char message[600]; /* grpc-message, percent-encoded still. */
};

struct http2 {
  intptr_t socket; /* -1: not connected. */
  bool broken;
  bool going_away; /* The peer takes no further request. */
  uint32_t next_id;
  int64_t send_window;
  uint32_t peer_stream_window;
  uint32_t peer_frame_bytes;
  uint32_t unreported;
  struct hpack_decoder decoder;
  struct buffer in;
  struct buffer out;
  struct buffer header_block;
  uint32_t header_stream; /* Not 0: a header block goes on in the next frame. */
  bool header_ends_stream;
  struct http2_stream stream;
};

/* All zeros, not connected. */
void http2_init(struct http2 *connection);
/* Connects to `unix:/path` (where the system has it) or `127.0.0.1:port`. */
bool http2_connect(struct http2 *connection, const char *address, int64_t deadline_ms, struct problem *problem);
void http2_close(struct http2 *connection);
/* Whether a further request may be made on it. Sees also a peer that went away in the meantime. */
bool http2_usable(struct http2 *connection);

/* Starts a request with an encoded header block. */
bool http2_start(struct http2 *connection, const struct buffer *headers, struct problem *problem);
/* Sends a part of the request's body; waits for the peer's windows. */
bool http2_send(struct http2 *connection, const void *bytes, size_t count, bool last, int64_t deadline_ms,
                struct problem *problem);
/* The bytes of the body that were received and not yet taken. */
size_t http2_available(const struct http2 *connection);
/* Waits until `count` bytes are available or the stream has ended; false when the deadline passes. */
bool http2_wait(struct http2 *connection, size_t count, int64_t deadline_ms, struct problem *problem);
/* Drops bytes from the front of the body, and lets the peer send as many more. */
void http2_take(struct http2 *connection, size_t count);
/* Ends the request: a stream that is still open is broken off. */
void http2_finish(struct http2 *connection);

/* ---- between http2.c and http2_frames.c ---- */

/* Frames of at most this size are taken: large ones cost fewer steps. */
#define MAX_FRAME_BYTES 1048576
/* What the peer may send ahead: two frames of 4K in 16 bit fit. */
#define RECEIVE_WINDOW (1U << 27)

/* Takes all whole frames from what has come; false if they break the rules. */
bool http2_take_frames(struct http2 *connection);
/* Tells the peer that `count` bytes were taken from the connection, once it is worth a frame. */
void http2_report_taken(struct http2 *connection, size_t count);

#endif
