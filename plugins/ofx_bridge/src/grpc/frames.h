/* The bytes of HTTP/2 frames. */
#ifndef PEANUT_GRPC_FRAMES_H
#define PEANUT_GRPC_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

#define FRAME_HEADER_BYTES 9

enum frame_type {
  FRAME_DATA = 0,
  FRAME_HEADERS = 1,
  FRAME_RST_STREAM = 3,
  FRAME_SETTINGS = 4,
  FRAME_PUSH_PROMISE = 5,
  FRAME_PING = 6,
  FRAME_GOAWAY = 7,
  FRAME_WINDOW_UPDATE = 8,
  FRAME_CONTINUATION = 9,
};

enum frame_flag {
  FLAG_ACK = 0x1,
  FLAG_END_STREAM = 0x1,
  FLAG_END_HEADERS = 0x4,
  FLAG_PADDED = 0x8,
  FLAG_PRIORITY = 0x20,
};

enum setting {
  SETTING_ENABLE_PUSH = 2,
  SETTING_INITIAL_WINDOW_SIZE = 4,
  SETTING_MAX_FRAME_SIZE = 5,
};

enum reset_code {
  RESET_REFUSED_STREAM = 7,
  RESET_CANCEL = 8,
  RESET_ENHANCE_YOUR_CALM = 11,
};

struct frame {
  size_t size;
  uint8_t type;
  uint8_t flags;
  uint32_t stream;
  const uint8_t *payload;
};

uint32_t read_u32(const uint8_t *bytes);
/* Everything but the payload. */
struct frame read_frame_header(const uint8_t *bytes);
void write_frame_header(struct buffer *out, size_t size, uint8_t type, uint8_t flags, uint32_t stream);
void write_setting(struct buffer *out, unsigned id, uint32_t value);
void write_window_update(struct buffer *out, uint32_t stream, uint32_t increment);
void write_reset(struct buffer *out, uint32_t stream, uint32_t code);

#endif
