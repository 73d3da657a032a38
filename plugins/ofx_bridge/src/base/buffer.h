/* A growing run of bytes. When memory runs out, `failed` is set and stays set: callers look once, at the end. */
#ifndef PEANUT_BASE_BUFFER_H
#define PEANUT_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
  uint8_t *data;
  size_t size;
  size_t capacity;
  bool failed;
};

/* Empties it and gives its memory back. */
void buffer_free(struct buffer *buffer);
/* Empties it and keeps its memory. */
void buffer_clear(struct buffer *buffer);
/* Makes room for `more` bytes behind the end; NULL when there is none. The size stays. */
uint8_t *buffer_room(struct buffer *buffer, size_t more);
void buffer_append(struct buffer *buffer, const void *bytes, size_t count);
void buffer_append_byte(struct buffer *buffer, uint8_t byte);
void buffer_append_text(struct buffer *buffer, const char *text);
/* Appends formatted text, without its terminating zero. */
void buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Removes the first `count` bytes. */
void buffer_consume(struct buffer *buffer, size_t count);
/* The content with a terminating zero behind it; "" when memory ran out. */
const char *buffer_text(struct buffer *buffer);

#endif
