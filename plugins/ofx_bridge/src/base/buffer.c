#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_free(struct buffer *buffer) {
  free(buffer->data);
  memset(buffer, 0, sizeof *buffer);
}

void buffer_clear(struct buffer *buffer) {
  buffer->size = 0;
  buffer->failed = false;
}

uint8_t *buffer_room(struct buffer *buffer, size_t more) {
  if (buffer->failed || more > SIZE_MAX / 2 - buffer->size) {
    buffer->failed = true;
    return NULL;
  }
  size_t needed = buffer->size + more;
  if (needed > buffer->capacity) {
    size_t capacity = buffer->capacity < 256 ? 256 : buffer->capacity;
    while (capacity < needed) capacity *= 2;
    uint8_t *data = realloc(buffer->data, capacity);
    if (data == NULL) {
      buffer->failed = true;
      return NULL;
    }
    buffer->data = data;
    buffer->capacity = capacity;
  }
  return buffer->data + buffer->size;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t count) {
  if (count == 0) return;
  uint8_t *room = buffer_room(buffer, count);
  if (room == NULL) return;
  memcpy(room, bytes, count);
  buffer->size += count;
}

void buffer_append_byte(struct buffer *buffer, uint8_t byte) { buffer_append(buffer, &byte, 1); }

void buffer_append_text(struct buffer *buffer, const char *text) { buffer_append(buffer, text, strlen(text)); }

void buffer_printf(struct buffer *buffer, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  va_list again;
  va_copy(again, arguments);
  int count = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  uint8_t *room = count < 0 ? NULL : buffer_room(buffer, (size_t)count + 1);
  if (room != NULL) {
    vsnprintf((char *)room, (size_t)count + 1, format, again);
    buffer->size += (size_t)count;
  }
  va_end(again);
}

void buffer_consume(struct buffer *buffer, size_t count) {
  if (count == 0) return;
  if (count > buffer->size) count = buffer->size;
  memmove(buffer->data, buffer->data + count, buffer->size - count);
  buffer->size -= count;
}

const char *buffer_text(struct buffer *buffer) {
  uint8_t *room = buffer_room(buffer, 1);
  if (room == NULL) return "";
  *room = 0;
  return (const char *)buffer->data;
}
