/* Writing and reading protobuf messages by field number. */
#ifndef PEANUT_GRPC_PROTOBUF_H
#define PEANUT_GRPC_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* Default values (0, "", no bytes) are not written, as proto3 has it. */
void put_int(struct buffer *message, unsigned field, int64_t value);
void put_float(struct buffer *message, unsigned field, float value);
void put_text(struct buffer *message, unsigned field, const char *text);
void put_bytes(struct buffer *message, unsigned field, const void *bytes, size_t count);
/* A nested message; written also when it is empty. Frees `part`. */
void put_message(struct buffer *message, unsigned field, struct buffer *part);

struct message_reader {
  const uint8_t *at;
  const uint8_t *end;
  bool malformed;
};

struct message_field {
  unsigned number;
  int64_t value;        /* Of whole numbers; else 0. */
  const uint8_t *bytes; /* Of text, bytes and messages; else NULL. */
  size_t size;
};

struct message_reader message_of(const void *bytes, size_t size);
/* The next field; false at the end, and where the message breaks the rules (`malformed`). */
bool next_field(struct message_reader *reader, struct message_field *field);
struct message_reader part_of(const struct message_field *field);
/* The first field of that number as text, cut to fit; "" where there is none. */
void field_text(const struct message_field *field, char *text, size_t capacity);

#endif
