#include "grpc/hpack.h"

#include <stdlib.h>
#include <string.h>

/* RFC 7541, appendix A, from index 1. */
static const struct {
  const char *name;
  const char *value;
} STATIC_TABLE[] = {
    {":authority", ""},
    {":method", "GET"},
    {":method", "POST"},
    {":path", "/"},
    {":path", "/index.html"},
    {":scheme", "http"},
    {":scheme", "https"},
    {":status", "200"},
    {":status", "204"},
    {":status", "206"},
    {":status", "304"},
    {":status", "400"},
    {":status", "404"},
    {":status", "500"},
    {"accept-charset", ""},
    {"accept-encoding", "gzip, deflate"},
    {"accept-language", ""},
    {"accept-ranges", ""},
    {"accept", ""},
    {"access-control-allow-origin", ""},
    {"age", ""},
    {"allow", ""},
    {"authorization", ""},
    {"cache-control", ""},
    {"content-disposition", ""},
    {"content-encoding", ""},
    {"content-language", ""},
    {"content-length", ""},
    {"content-location", ""},
    {"content-range", ""},
    {"content-type", ""},
    {"cookie", ""},
    {"date", ""},
    {"etag", ""},
    {"expect", ""},
    {"expires", ""},
    {"from", ""},
    {"host", ""},
    {"if-match", ""},
    {"if-modified-since", ""},
    {"if-none-match", ""},
    {"if-range", ""},
    {"if-unmodified-since", ""},
    {"last-modified", ""},
    {"link", ""},
    {"location", ""},
    {"max-forwards", ""},
    {"proxy-authenticate", ""},
    {"proxy-authorization", ""},
    {"range", ""},
    {"referer", ""},
    {"refresh", ""},
    {"retry-after", ""},
    {"server", ""},
    {"set-cookie", ""},
    {"strict-transport-security", ""},
    {"transfer-encoding", ""},
    {"user-agent", ""},
    {"vary", ""},
    {"via", ""},
    {"www-authenticate", ""},
};

#define STATIC_COUNT (sizeof STATIC_TABLE / sizeof STATIC_TABLE[0])

void hpack_init(struct hpack_decoder *decoder) {
  memset(decoder, 0, sizeof *decoder);
  decoder->limit = HPACK_TABLE_BYTES;
}

static void evict_to(struct hpack_decoder *decoder, size_t bytes) {
  while (decoder->bytes > bytes && decoder->count > 0) {
    struct hpack_entry *oldest = &decoder->entries[(decoder->newest + decoder->count - 1) % HPACK_MAX_ENTRIES];
    decoder->bytes -= oldest->name_size + oldest->value_size + HPACK_ENTRY_BYTES;
    free(oldest->text);
    memset(oldest, 0, sizeof *oldest);
    decoder->count--;
  }
}

void hpack_free(struct hpack_decoder *decoder) { evict_to(decoder, 0); }

/* Section 4.4: an entry larger than the table empties it, and that is no error. */
static bool insert(struct hpack_decoder *decoder, const char *text, size_t name_size, size_t value_size) {
  size_t bytes = name_size + value_size + HPACK_ENTRY_BYTES;
  if (bytes > decoder->limit) {
    evict_to(decoder, 0);
    return true;
  }
  evict_to(decoder, decoder->limit - bytes);
  char *copy = malloc(name_size + value_size + 1);
  if (copy == NULL) return false;
  memcpy(copy, text, name_size + value_size);
  decoder->newest = (decoder->newest + HPACK_MAX_ENTRIES - 1) % HPACK_MAX_ENTRIES;
  decoder->entries[decoder->newest] = (struct hpack_entry){copy, name_size, value_size};
  decoder->count++;
  decoder->bytes += bytes;
  return true;
}

struct reader {
  const uint8_t *at;
  const uint8_t *end;
};

/* Section 5.1; numbers that no header needs are refused. */
static bool read_number(struct reader *in, unsigned prefix_bits, size_t *number) {
  if (in->at == in->end) return false;
  size_t mask = (1U << prefix_bits) - 1;
  *number = *in->at++ & mask;
  if (*number < mask) return true;
  for (unsigned shift = 0; shift <= 21; shift += 7) {
    if (in->at == in->end) return false;
    uint8_t byte = *in->at++;
    *number += (size_t)(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return false;
}

/* Section 5.2; appends the decoded text. */
static bool read_text(struct reader *in, struct buffer *text) {
  if (in->at == in->end) return false;
  bool is_huffman = (*in->at & 0x80) != 0;
  size_t size = 0;
  if (!read_number(in, 7, &size) || size > (size_t)(in->end - in->at)) return false;
  const uint8_t *start = in->at;
  in->at += size;
  if (is_huffman) return huffman_decode(start, size, text);
  buffer_append(text, start, size);
  return !text->failed;
}

/* Appends an entry's name (and its value, when wanted) to `text`. */
static bool copy_entry(const struct hpack_decoder *decoder, size_t index, bool with_value, struct buffer *text,
                       size_t *name_size) {
  if (index == 0) return false;
  if (index <= STATIC_COUNT) {
    *name_size = strlen(STATIC_TABLE[index - 1].name);
    buffer_append_text(text, STATIC_TABLE[index - 1].name);
    if (with_value) buffer_append_text(text, STATIC_TABLE[index - 1].value);
    return !text->failed;
  }
  index -= STATIC_COUNT + 1;
  if (index >= decoder->count) return false;
  const struct hpack_entry *entry = &decoder->entries[(decoder->newest + index) % HPACK_MAX_ENTRIES];
  *name_size = entry->name_size;
  buffer_append(text, entry->text, entry->name_size + (with_value ? entry->value_size : 0));
  return !text->failed;
}

static bool decode_one(struct hpack_decoder *decoder, struct reader *in, struct buffer *text, hpack_header header,
                       void *context) {
  uint8_t first = *in->at;
  size_t index = 0, name_size = 0;
  if (first & 0x80) { /* Section 6.1: indexed. */
    if (!read_number(in, 7, &index) || !copy_entry(decoder, index, true, text, &name_size)) return false;
  } else if ((first & 0xE0) == 0x20) { /* Section 6.3: a new size of the table. */
    if (!read_number(in, 5, &index) || index > HPACK_TABLE_BYTES) return false;
    decoder->limit = index;
    evict_to(decoder, index);
    return true;
  } else { /* Section 6.2: literal; 01 goes into the table. */
    bool is_kept = (first & 0x40) != 0;
    if (!read_number(in, is_kept ? 6 : 4, &index)) return false;
    if (index != 0) {
      if (!copy_entry(decoder, index, false, text, &name_size)) return false;
    } else {
      if (!read_text(in, text)) return false;
      name_size = text->size;
    }
    if (!read_text(in, text)) return false;
    if (is_kept && !insert(decoder, (const char *)text->data, name_size, text->size - name_size)) return false;
  }
  const char *name = buffer_text(text);
  header(context, name, name_size, name + name_size, text->size - name_size);
  return true;
}

bool hpack_decode(struct hpack_decoder *decoder, const uint8_t *block, size_t size, hpack_header header,
                  void *context) {
  struct reader in = {block, block + size};
  struct buffer text = {0};
  bool fine = true;
  while (fine && in.at < in.end) {
    buffer_clear(&text);
    fine = decode_one(decoder, &in, &text, header, context);
  }
  buffer_free(&text);
  return fine;
}

static void write_number(struct buffer *block, uint8_t flags, unsigned prefix_bits, size_t number) {
  size_t mask = (1U << prefix_bits) - 1;
  if (number < mask) {
    buffer_append_byte(block, (uint8_t)(flags | number));
    return;
  }
  buffer_append_byte(block, (uint8_t)(flags | mask));
  for (number -= mask; number >= 0x80; number >>= 7) buffer_append_byte(block, (uint8_t)(0x80 | (number & 0x7F)));
  buffer_append_byte(block, (uint8_t)number);
}

static void write_text(struct buffer *block, const char *text) {
  size_t size = strlen(text);
  write_number(block, 0, 7, size);
  buffer_append(block, text, size);
}

void hpack_encode(struct buffer *block, const char *name, const char *value, bool secret) {
  size_t index = 0;
  for (size_t k = 0; k < STATIC_COUNT && index == 0; k++) {
    if (strcmp(STATIC_TABLE[k].name, name) == 0) index = k + 1;
  }
  write_number(block, secret ? 0x10 : 0x00, 4, index);
  if (index == 0) write_text(block, name);
  write_text(block, value);
}
