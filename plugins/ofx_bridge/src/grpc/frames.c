#include "grpc/frames.h"

static void write_u32(struct buffer *out, uint32_t value) {
  uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
  buffer_append(out, bytes, sizeof bytes);
}

uint32_t read_u32(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

struct frame read_frame_header(const uint8_t *bytes) {
  struct frame frame = {0};
  frame.size = (size_t)bytes[0] << 16 | (size_t)bytes[1] << 8 | bytes[2];
  frame.type = bytes[3];
  frame.flags = bytes[4];
  frame.stream = read_u32(bytes + 5) & 0x7FFFFFFF;
  return frame;
}

void write_frame_header(struct buffer *out, size_t size, uint8_t type, uint8_t flags, uint32_t stream) {
  uint8_t bytes[5] = {(uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size, type, flags};
  buffer_append(out, bytes, sizeof bytes);
  write_u32(out, stream);
}

void write_setting(struct buffer *out, unsigned id, uint32_t value) {
  buffer_append_byte(out, (uint8_t)(id >> 8));
  buffer_append_byte(out, (uint8_t)id);
  write_u32(out, value);
}

void write_window_update(struct buffer *out, uint32_t stream, uint32_t increment) {
  write_frame_header(out, 4, FRAME_WINDOW_UPDATE, 0, stream);
  write_u32(out, increment);
}

void write_reset(struct buffer *out, uint32_t stream, uint32_t code) {
  write_frame_header(out, 4, FRAME_RST_STREAM, 0, stream);
  write_u32(out, code);
}
