#include "grpc/rpc.h"

#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "grpc/frames.h"

#define PREFIX_BYTES 5
/* A daemon never sends more in one message; a length beyond it is nonsense that must not be waited for. */
#define MAX_MESSAGE_BYTES (256U << 20)

bool rpc_start(struct http2 *connection, const char *path, const char *token, int64_t deadline_ms,
               struct problem *problem) {
  struct buffer headers = {0};
  hpack_encode(&headers, ":method", "POST", false);
  hpack_encode(&headers, ":scheme", "http", false);
  hpack_encode(&headers, ":path", path, false);
  hpack_encode(&headers, ":authority", "localhost", false);
  hpack_encode(&headers, "te", "trailers", false);
  hpack_encode(&headers, "content-type", "application/grpc", false);
  hpack_encode(&headers, "user-agent", "peanut-ofx", false);
  if (deadline_ms != 0) {
    int64_t left = deadline_ms - now_ms();
    char timeout[24];
    /* At most 8 digits are allowed. */
    snprintf(timeout, sizeof timeout, "%dm", left < 1 ? 1 : left > 99999999 ? 99999999 : (int)left);
    hpack_encode(&headers, "grpc-timeout", timeout, false);
  }
  char bearer[300];
  snprintf(bearer, sizeof bearer, "Bearer %s", token);
  hpack_encode(&headers, "authorization", bearer, true);
  bool started = http2_start(connection, &headers, problem);
  memset(bearer, 0, sizeof bearer);
  buffer_free(&headers);
  return started;
}

bool rpc_send(struct http2 *connection, const struct buffer *message, bool last, int64_t deadline_ms,
              struct problem *problem) {
  if (message->failed || message->size > MAX_MESSAGE_BYTES) {
    return problem_set(problem, STATUS_RESOURCE_EXHAUSTED, "the message is too large to be sent");
  }
  size_t size = message->size;
  uint8_t prefix[PREFIX_BYTES] = {0, (uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size};
  return http2_send(connection, prefix, sizeof prefix, last && size == 0, deadline_ms, problem) &&
         (size == 0 || http2_send(connection, message->data, size, last, deadline_ms, problem));
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void percent_decode(const char *text, char *decoded, size_t capacity) {
  size_t size = 0;
  while (*text != 0 && size + 1 < capacity) {
    if (*text == '%' && hex_digit(text[1]) >= 0 && hex_digit(text[2]) >= 0) {
      char byte = (char)(hex_digit(text[1]) * 16 + hex_digit(text[2]));
      decoded[size++] = byte == 0 ? '?' : byte;
      text += 3;
    } else {
      decoded[size++] = *text++;
    }
  }
  decoded[size] = 0;
}

static int status_of_http(int http_status) {
  switch (http_status) {
    case 400:
      return STATUS_INTERNAL;
    case 401:
      return STATUS_UNAUTHENTICATED;
    case 404:
      return STATUS_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
      return STATUS_UNAVAILABLE;
    default:
      return STATUS_UNKNOWN;
  }
}

static int status_of_reset(uint32_t code) {
  switch (code) {
    case RESET_REFUSED_STREAM:
      return STATUS_UNAVAILABLE;
    case RESET_CANCEL:
      return STATUS_CANCELLED;
    case RESET_ENHANCE_YOUR_CALM:
      return STATUS_RESOURCE_EXHAUSTED;
    default:
      return STATUS_INTERNAL;
  }
}

/* What the end of a call means. A status that came before a reset counts. */
static enum rpc_result end_of_call(struct http2 *connection, struct problem *problem) {
  const struct http2_stream *stream = &connection->stream;
  int status = stream->grpc_status;
  char text[sizeof stream->message];
  percent_decode(stream->message, text, sizeof text);
  if (status < 0 && stream->reset) {
    status = status_of_reset(stream->reset_code);
    snprintf(text, sizeof text, "the daemon broke the call off (code %u)", (unsigned)stream->reset_code);
  } else if (status < 0 && stream->has_headers && stream->http_status != 200) {
    status = status_of_http(stream->http_status);
    snprintf(text, sizeof text, "something that is no PEANUT daemon answered with HTTP status %d", stream->http_status);
  } else if (status < 0) {
    status = STATUS_UNKNOWN;
    snprintf(text, sizeof text, "the call ended without a status");
  }
  http2_finish(connection);
  if (status == STATUS_OK) return RPC_END;
  problem_set(problem, status, "%s", text[0] != 0 ? text : "the daemon refused without saying why");
  return RPC_FAILED;
}

static enum rpc_result failed(struct http2 *connection, struct problem *problem, const char *why) {
  http2_finish(connection);
  problem_set(problem, STATUS_INTERNAL, "the daemon sent a message that cannot be read: %s", why);
  return RPC_FAILED;
}

/* Drops the message that was handed out last. */
static void drop_last_message(struct http2 *connection) {
  http2_take(connection, connection->stream.handed_out);
  connection->stream.handed_out = 0;
}

enum rpc_result rpc_receive(struct http2 *connection, const uint8_t **message, size_t *size, int64_t until_ms,
                            struct problem *problem) {
  struct http2_stream *stream = &connection->stream;
  drop_last_message(connection);
  size_t needed = PREFIX_BYTES;
  for (int part = 0; part < 2; part++) {
    if (!http2_wait(connection, needed, until_ms, problem)) {
      if (problem->status == STATUS_DEADLINE_EXCEEDED && !connection->broken) return RPC_WAITING;
      http2_finish(connection);
      return RPC_FAILED;
    }
    size_t available = http2_available(connection);
    if (available == 0) return end_of_call(connection, problem);
    if (available < needed) {
      return stream->grpc_status > 0 || stream->reset ? end_of_call(connection, problem)
                                                      : failed(connection, problem, "it is cut off");
    }
    const uint8_t *prefix = stream->body.data + stream->taken;
    if (prefix[0] != 0) return failed(connection, problem, "it is compressed, which nobody asked for");
    uint32_t length = read_u32(prefix + 1);
    if (length > MAX_MESSAGE_BYTES) return failed(connection, problem, "it is too large");
    needed = PREFIX_BYTES + (size_t)length;
  }
  *message = stream->body.data + stream->taken + PREFIX_BYTES;
  *size = needed - PREFIX_BYTES;
  stream->handed_out = needed;
  return RPC_MESSAGE;
}

void rpc_cancel(struct http2 *connection) { http2_finish(connection); }
