/* What the peer sends, frame by frame. */
#include <string.h>

#include "grpc/frames.h"
#include "grpc/http2.h"

#define MAX_HEADER_BYTES 262144

static bool is_name(const char *name, size_t size, const char *wanted) {
  return size == strlen(wanted) && memcmp(name, wanted, size) == 0;
}

static int read_decimal(const char *text, size_t size) {
  int number = 0;
  if (size == 0 || size > 6) return -1;
  for (size_t k = 0; k < size; k++) {
    if (text[k] < '0' || text[k] > '9') return -1;
    number = number * 10 + (text[k] - '0');
  }
  return number;
}

static void copy_text(char *target, size_t capacity, const char *text, size_t size) {
  if (size >= capacity) size = capacity - 1;
  memcpy(target, text, size);
  target[size] = 0;
}

static void take_header(void *context, const char *name, size_t name_size, const char *value, size_t value_size) {
  struct http2_stream *stream = context;
  if (stream == NULL) return;
  if (is_name(name, name_size, ":status")) stream->http_status = read_decimal(value, value_size);
  if (is_name(name, name_size, "grpc-status")) stream->grpc_status = read_decimal(value, value_size);
  if (is_name(name, name_size, "grpc-message")) copy_text(stream->message, sizeof stream->message, value, value_size);
  if (is_name(name, name_size, "content-type")) {
    copy_text(stream->content_type, sizeof stream->content_type, value, value_size);
  }
}

static struct http2_stream *stream_of(struct http2 *connection, uint32_t id) {
  return id != 0 && connection->stream.id == id ? &connection->stream : NULL;
}

/* The decoder must see every block, also of streams that were given up: its table depends on all of them. */
static bool end_of_headers(struct http2 *connection) {
  struct http2_stream *stream = stream_of(connection, connection->header_stream);
  const struct buffer *block = &connection->header_block;
  if (block->failed || !hpack_decode(&connection->decoder, block->data, block->size, take_header, stream)) return false;
  if (stream != NULL) {
    stream->has_headers = true;
    stream->ended = stream->ended || connection->header_ends_stream;
  }
  connection->header_stream = 0;
  buffer_clear(&connection->header_block);
  return true;
}

static bool take_headers(struct http2 *connection, const struct frame *frame) {
  const uint8_t *bytes = frame->payload;
  size_t size = frame->size, padding = 0;
  if (frame->flags & FLAG_PADDED) {
    if (size < 1) return false;
    padding = *bytes++;
    size--;
  }
  if (frame->flags & FLAG_PRIORITY) {
    if (size < 5) return false;
    bytes += 5;
    size -= 5;
  }
  if (padding > size) return false;
  connection->header_stream = frame->stream;
  connection->header_ends_stream = (frame->flags & FLAG_END_STREAM) != 0;
  buffer_append(&connection->header_block, bytes, size - padding);
  return (frame->flags & FLAG_END_HEADERS) == 0 || end_of_headers(connection);
}

static bool take_continuation(struct http2 *connection, const struct frame *frame) {
  if (frame->stream != connection->header_stream) return false;
  if (connection->header_block.size + frame->size > MAX_HEADER_BYTES) return false;
  buffer_append(&connection->header_block, frame->payload, frame->size);
  return (frame->flags & FLAG_END_HEADERS) == 0 || end_of_headers(connection);
}

void http2_report_taken(struct http2 *connection, size_t count) {
  connection->unreported += (uint32_t)count;
  if (connection->unreported < RECEIVE_WINDOW / 4) return;
  write_window_update(&connection->out, 0, connection->unreported);
  connection->unreported = 0;
}

static bool take_data(struct http2 *connection, const struct frame *frame) {
  const uint8_t *bytes = frame->payload;
  size_t size = frame->size, padding = 0;
  if (frame->flags & FLAG_PADDED) {
    if (size < 1) return false;
    padding = *bytes++;
    size--;
    if (padding > size) return false;
  }
  struct http2_stream *stream = stream_of(connection, frame->stream);
  if (stream == NULL || stream->ended) {
    http2_report_taken(connection, frame->size);
    return true;
  }
  buffer_append(&stream->body, bytes, size - padding);
  if (stream->body.failed) return false;
  http2_report_taken(connection, frame->size - (size - padding));
  if (frame->flags & FLAG_END_STREAM) stream->ended = true;
  return true;
}

static bool take_settings(struct http2 *connection, const struct frame *frame) {
  if (frame->flags & FLAG_ACK) return true;
  if (frame->stream != 0 || frame->size % 6 != 0) return false;
  for (size_t k = 0; k < frame->size; k += 6) {
    unsigned id = (unsigned)frame->payload[k] << 8 | frame->payload[k + 1];
    uint32_t value = read_u32(frame->payload + k + 2);
    if (id == SETTING_INITIAL_WINDOW_SIZE) {
      if (value > INT32_MAX) return false;
      /* Section 6.9.2: the change counts for open streams too, and may make a window negative. */
      connection->stream.send_window += (int64_t)value - connection->peer_stream_window;
      connection->peer_stream_window = value;
    }
    if (id == SETTING_MAX_FRAME_SIZE) {
      if (value < 16384 || value > 16777215) return false;
      connection->peer_frame_bytes = value;
    }
  }
  write_frame_header(&connection->out, 0, FRAME_SETTINGS, FLAG_ACK, 0);
  return true;
}

static bool take_window_update(struct http2 *connection, const struct frame *frame) {
  if (frame->size != 4) return false;
  uint32_t increment = read_u32(frame->payload) & 0x7FFFFFFF;
  if (increment == 0) return frame->stream != 0;
  struct http2_stream *stream = stream_of(connection, frame->stream);
  int64_t *window = frame->stream == 0 ? &connection->send_window : stream != NULL ? &stream->send_window : NULL;
  if (window == NULL) return true;
  *window += increment;
  return *window <= INT32_MAX;
}

static bool take_goaway(struct http2 *connection, const struct frame *frame) {
  if (frame->size < 8) return false;
  connection->going_away = true;
  struct http2_stream *stream = &connection->stream;
  /* The peer has not looked at requests beyond the id that it names. */
  if (stream->id > (read_u32(frame->payload) & 0x7FFFFFFF)) {
    stream->ended = stream->reset = true;
    stream->reset_code = RESET_REFUSED_STREAM;
  }
  return true;
}

static bool take_frame(struct http2 *connection, const struct frame *frame) {
  if (connection->header_stream != 0 && frame->type != FRAME_CONTINUATION) return false;
  struct http2_stream *stream = stream_of(connection, frame->stream);
  switch (frame->type) {
    case FRAME_DATA:
      return take_data(connection, frame);
    case FRAME_HEADERS:
      return take_headers(connection, frame);
    case FRAME_CONTINUATION:
      return take_continuation(connection, frame);
    case FRAME_RST_STREAM:
      if (frame->size != 4) return false;
      if (stream != NULL && !stream->ended) {
        stream->ended = stream->reset = true;
        stream->reset_code = read_u32(frame->payload);
      }
      return true;
    case FRAME_SETTINGS:
      return take_settings(connection, frame);
    case FRAME_PING:
      if (frame->size != 8) return false;
      if ((frame->flags & FLAG_ACK) == 0) {
        write_frame_header(&connection->out, 8, FRAME_PING, FLAG_ACK, 0);
        buffer_append(&connection->out, frame->payload, 8);
      }
      return true;
    case FRAME_GOAWAY:
      return take_goaway(connection, frame);
    case FRAME_WINDOW_UPDATE:
      return take_window_update(connection, frame);
    case FRAME_PUSH_PROMISE: /* We forbade it. */
      return false;
    default: /* Section 4.1: unknown kinds are passed over. */
      return true;
  }
}

bool http2_take_frames(struct http2 *connection) {
  size_t at = 0;
  bool fine = true;
  while (fine && connection->in.size - at >= FRAME_HEADER_BYTES) {
    struct frame frame = read_frame_header(connection->in.data + at);
    if (frame.size > MAX_FRAME_BYTES) return false;
    if (connection->in.size - at < FRAME_HEADER_BYTES + frame.size) break;
    frame.payload = connection->in.data + at + FRAME_HEADER_BYTES;
    fine = take_frame(connection, &frame);
    at += FRAME_HEADER_BYTES + frame.size;
  }
  buffer_consume(&connection->in, at);
  return fine;
}
