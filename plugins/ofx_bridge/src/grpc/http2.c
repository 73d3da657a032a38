#include "grpc/http2.h"

#include <string.h>

#include "base/os.h"
#include "grpc/frames.h"
#include "grpc/socket.h"

#define READ_BYTES 262144
#define FIRST_WINDOW 65535

void http2_init(struct http2 *connection) {
  memset(connection, 0, sizeof *connection);
  connection->socket = -1;
  hpack_init(&connection->decoder);
}

void http2_close(struct http2 *connection) {
  if (connection->socket >= 0) socket_close(connection->socket);
  hpack_free(&connection->decoder);
  buffer_free(&connection->in);
  buffer_free(&connection->out);
  buffer_free(&connection->header_block);
  buffer_free(&connection->stream.body);
  http2_init(connection);
}

bool http2_connect(struct http2 *connection, const char *address, int64_t deadline_ms, struct problem *problem) {
  http2_close(connection);
  connection->socket = socket_connect(address, deadline_ms, problem);
  if (connection->socket < 0) return false;
  connection->next_id = 1;
  connection->send_window = FIRST_WINDOW;
  connection->peer_stream_window = FIRST_WINDOW;
  connection->peer_frame_bytes = 16384;
  buffer_append_text(&connection->out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  write_frame_header(&connection->out, 18, FRAME_SETTINGS, 0, 0);
  write_setting(&connection->out, SETTING_ENABLE_PUSH, 0);
  write_setting(&connection->out, SETTING_INITIAL_WINDOW_SIZE, RECEIVE_WINDOW);
  write_setting(&connection->out, SETTING_MAX_FRAME_SIZE, MAX_FRAME_BYTES);
  write_window_update(&connection->out, 0, RECEIVE_WINDOW - FIRST_WINDOW);
  return true;
}

static bool broken(struct http2 *connection, struct problem *problem, const char *why) {
  connection->broken = true;
  return problem_set(problem, STATUS_UNAVAILABLE, "the connection to the PEANUT daemon broke: %s", why);
}

static bool flush_some(struct http2 *connection) {
  while (connection->out.size > 0) {
    ptrdiff_t put = socket_send(connection->socket, connection->out.data, connection->out.size);
    if (put < 0) return false;
    if (put == 0) return true;
    buffer_consume(&connection->out, (size_t)put);
  }
  return true;
}

/* 1: something came; 0: nothing there; -1: the peer is gone. */
static int read_some(struct http2 *connection) {
  uint8_t *room = buffer_room(&connection->in, READ_BYTES);
  if (room == NULL) return -1;
  ptrdiff_t got = socket_receive(connection->socket, room, READ_BYTES);
  if (got <= 0) return (int)got;
  connection->in.size += (size_t)got;
  return 1;
}

/* Sends and receives what can be, waiting until something happens or the deadline passes. */
static bool pump(struct http2 *connection, int64_t deadline_ms, struct problem *problem) {
  if (connection->out.failed) return broken(connection, problem, "out of memory");
  if (!flush_some(connection)) return broken(connection, problem, "the daemon has ended");
  int64_t left = deadline_ms - now_ms();
  int ready = socket_wait(connection->socket, connection->out.size > 0, left);
  if (ready < 0) return broken(connection, problem, "the system cannot wait for it");
  if (ready & SOCKET_HAS_BYTES) {
    int got = read_some(connection);
    if (got > 0 && !http2_take_frames(connection)) return broken(connection, problem, "it broke the rules of HTTP/2");
    if (got < 0) return broken(connection, problem, "the daemon has ended");
  }
  if (ready == 0 && left <= 0) {
    return problem_set(problem, STATUS_DEADLINE_EXCEEDED, "the PEANUT daemon did not answer in time");
  }
  return true;
}

bool http2_usable(struct http2 *connection) {
  if (connection->socket < 0 || connection->broken) return false;
  /* Without waiting: a GOAWAY or the end of the peer may lie in the socket. */
  while (socket_wait(connection->socket, false, 0) > 0 && !connection->broken && !connection->going_away) {
    if (read_some(connection) < 0 || !http2_take_frames(connection)) connection->broken = true;
  }
  return !connection->broken && !connection->going_away && connection->next_id < 0x7FFFFFFF;
}

bool http2_start(struct http2 *connection, const struct buffer *headers, struct problem *problem) {
  if (headers->failed || headers->size > connection->peer_frame_bytes) {
    return problem_set(problem, STATUS_INTERNAL, "the request's headers are too large");
  }
  struct http2_stream *stream = &connection->stream;
  struct buffer body = stream->body;
  memset(stream, 0, sizeof *stream);
  buffer_clear(&body);
  stream->body = body;
  stream->id = connection->next_id;
  stream->send_window = connection->peer_stream_window;
  stream->grpc_status = -1;
  connection->next_id += 2;
  write_frame_header(&connection->out, headers->size, FRAME_HEADERS, FLAG_END_HEADERS, stream->id);
  buffer_append(&connection->out, headers->data, headers->size);
  return true;
}

bool http2_send(struct http2 *connection, const void *bytes, size_t count, bool last, int64_t deadline_ms,
                struct problem *problem) {
  struct http2_stream *stream = &connection->stream;
  const uint8_t *at = bytes;
  while (count > 0 || last) {
    if (stream->ended) return true; /* The peer has answered already; the rest interests nobody. */
    size_t step = count < connection->peer_frame_bytes ? count : connection->peer_frame_bytes;
    int64_t window = stream->send_window < connection->send_window ? stream->send_window : connection->send_window;
    if ((int64_t)step > window) step = window > 0 ? (size_t)window : 0;
    if ((step == 0 && count > 0) || connection->out.size > MAX_FRAME_BYTES) {
      if (!pump(connection, deadline_ms, problem)) return false;
      continue;
    }
    bool is_last = last && step == count;
    write_frame_header(&connection->out, step, FRAME_DATA, is_last ? FLAG_END_STREAM : 0, stream->id);
    buffer_append(&connection->out, at, step);
    at += step;
    count -= step;
    stream->send_window -= (int64_t)step;
    connection->send_window -= (int64_t)step;
    if (is_last) break;
  }
  if (connection->out.failed) return broken(connection, problem, "out of memory");
  return flush_some(connection) || broken(connection, problem, "the daemon has ended");
}

size_t http2_available(const struct http2 *connection) {
  return connection->stream.body.size - connection->stream.taken;
}

bool http2_wait(struct http2 *connection, size_t count, int64_t deadline_ms, struct problem *problem) {
  struct http2_stream *stream = &connection->stream;
  while (http2_available(connection) < count && !stream->ended) {
    if (!pump(connection, deadline_ms, problem)) return false;
  }
  return true;
}

void http2_take(struct http2 *connection, size_t count) {
  struct http2_stream *stream = &connection->stream;
  if (count > http2_available(connection)) count = http2_available(connection);
  stream->taken += count;
  /* Moved down only when it is worth it: a large picture comes as many messages. */
  if (stream->taken == stream->body.size || stream->taken > 16 * MAX_FRAME_BYTES) {
    buffer_consume(&stream->body, stream->taken);
    stream->taken = 0;
  }
  http2_report_taken(connection, count);
  stream->unreported += (uint32_t)count;
  if (stream->unreported < RECEIVE_WINDOW / 4 || stream->ended) return;
  write_window_update(&connection->out, stream->id, stream->unreported);
  stream->unreported = 0;
}

void http2_finish(struct http2 *connection) {
  struct http2_stream *stream = &connection->stream;
  if (stream->id != 0 && !connection->broken) {
    http2_report_taken(connection, http2_available(connection));
    if (!stream->ended) write_reset(&connection->out, stream->id, RESET_CANCEL);
    if (!flush_some(connection)) connection->broken = true;
  }
  stream->id = 0;
  stream->taken = 0;
  buffer_clear(&stream->body);
  /* A picture of 8K must not stay in memory for as long as the host has the project open. */
  if (stream->body.capacity > MAX_FRAME_BYTES) buffer_free(&stream->body);
  if (connection->in.size == 0 && connection->in.capacity > 4 * MAX_FRAME_BYTES) buffer_free(&connection->in);
}
