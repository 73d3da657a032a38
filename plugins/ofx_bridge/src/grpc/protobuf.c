#include "grpc/protobuf.h"

#include <string.h>

enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

static void put_varint(struct buffer *message, uint64_t value) {
  for (; value >= 0x80; value >>= 7) buffer_append_byte(message, (uint8_t)(0x80 | (value & 0x7F)));
  buffer_append_byte(message, (uint8_t)value);
}

static void put_key(struct buffer *message, unsigned field, enum wire wire) {
  put_varint(message, (uint64_t)field << 3 | (unsigned)wire);
}

void put_int(struct buffer *message, unsigned field, int64_t value) {
  if (value == 0) return;
  put_key(message, field, WIRE_VARINT);
  put_varint(message, (uint64_t)value);
}

void put_float(struct buffer *message, unsigned field, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if (bits == 0) return;
  put_key(message, field, WIRE_32);
  for (unsigned shift = 0; shift < 32; shift += 8) buffer_append_byte(message, (uint8_t)(bits >> shift));
}

void put_text(struct buffer *message, unsigned field, const char *text) {
  put_bytes(message, field, text, strlen(text));
}

static void put_sized(struct buffer *message, unsigned field, const void *bytes, size_t count) {
  put_key(message, field, WIRE_BYTES);
  put_varint(message, count);
  buffer_append(message, bytes, count);
}

void put_bytes(struct buffer *message, unsigned field, const void *bytes, size_t count) {
  if (count > 0) put_sized(message, field, bytes, count);
}

void put_message(struct buffer *message, unsigned field, struct buffer *part) {
  message->failed = message->failed || part->failed;
  put_sized(message, field, part->data, part->size);
  buffer_free(part);
}

struct message_reader message_of(const void *bytes, size_t size) {
  static const uint8_t nothing[1] = {0};
  const uint8_t *start = bytes == NULL ? nothing : bytes;
  return (struct message_reader){start, start + (bytes == NULL ? 0 : size), false};
}

struct message_reader part_of(const struct message_field *field) { return message_of(field->bytes, field->size); }

static bool malformed(struct message_reader *reader) {
  reader->malformed = true;
  reader->at = reader->end;
  return false;
}

static bool get_varint(struct message_reader *reader, uint64_t *value) {
  *value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (reader->at == reader->end) return false;
    uint8_t byte = *reader->at++;
    *value |= (uint64_t)(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return false;
}

bool next_field(struct message_reader *reader, struct message_field *field) {
  memset(field, 0, sizeof *field);
  if (reader->at == reader->end) return false;
  uint64_t key = 0, number = 0;
  if (!get_varint(reader, &key) || key >> 3 == 0 || key >> 3 > 536870911) return malformed(reader);
  field->number = (unsigned)(key >> 3);
  size_t left = 0;
  switch (key & 7) {
    case WIRE_VARINT:
      if (!get_varint(reader, &number)) return malformed(reader);
      field->value = (int64_t)number;
      return true;
    case WIRE_BYTES:
      if (!get_varint(reader, &number)) return malformed(reader);
      left = (size_t)(reader->end - reader->at);
      if (number > left) return malformed(reader);
      field->bytes = reader->at;
      field->size = (size_t)number;
      reader->at += number;
      return true;
    case WIRE_64:
    case WIRE_32: /* Numbers with a point: nothing here reads any. */
      left = (size_t)(reader->end - reader->at);
      number = (key & 7) == WIRE_64 ? 8 : 4;
      if (number > left) return malformed(reader);
      reader->at += number;
      return true;
    default:
      return malformed(reader);
  }
}

void field_text(const struct message_field *field, char *text, size_t capacity) {
  size_t size = field->size < capacity ? field->size : capacity - 1;
  if (size > 0) memcpy(text, field->bytes, size);
  text[size] = 0;
}
