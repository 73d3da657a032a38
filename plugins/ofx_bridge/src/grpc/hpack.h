/* HPACK (RFC 7541): header compression of HTTP/2. Decodes everything; encodes without compressing. */
#ifndef PEANUT_GRPC_HPACK_H
#define PEANUT_GRPC_HPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* Bytes that the dynamic table may hold (section 4.1 counts 32 for each entry besides its text). */
#define HPACK_TABLE_BYTES 4096
#define HPACK_ENTRY_BYTES 32
#define HPACK_MAX_ENTRIES (HPACK_TABLE_BYTES / HPACK_ENTRY_BYTES)

struct hpack_entry {
  char *text; /* Name and value, one behind the other. */
  size_t name_size;
  size_t value_size;
};

/* The peer's dynamic table. All zeros and `limit` is a new one: see hpack_init. */
struct hpack_decoder {
  struct hpack_entry entries[HPACK_MAX_ENTRIES]; /* A ring; `newest` is the entry with index 62. */
  size_t newest;
  size_t count;
  size_t bytes;
  size_t limit;
};

typedef void (*hpack_header)(void *context, const char *name, size_t name_size, const char *value, size_t value_size);

void hpack_init(struct hpack_decoder *decoder);
void hpack_free(struct hpack_decoder *decoder);
/* Decodes one whole header block; false if it breaks the rules, which ends the connection. */
bool hpack_decode(struct hpack_decoder *decoder, const uint8_t *block, size_t size, hpack_header header, void *context);
/* Appends one header. Secrets are marked so that nothing on the way may put them into a table. */
void hpack_encode(struct buffer *block, const char *name, const char *value, bool secret);
/* Decodes Huffman text and appends it; false if it breaks the rules. */
bool huffman_decode(const uint8_t *bytes, size_t size, struct buffer *text);

#endif
