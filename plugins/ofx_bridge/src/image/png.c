#include "image/png.h"

#include <string.h>

/*
 * Masks are large even areas with few edges. Each row is stored as its difference to the row above (filter "up"), so
 * almost all bytes are 0, and runs of one byte are what DEFLATE's fixed code with distance 1 packs well: a mask of
 * 1920x1080 comes to a few kilobytes.
 */

static uint32_t crc_of(const uint8_t *bytes, size_t count) {
  uint32_t crc = 0xFFFFFFFFU;
  for (size_t k = 0; k < count; k++) {
    crc ^= bytes[k];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0xEDB88320U & (0U - (crc & 1U)));
  }
  return ~crc;
}

static uint32_t adler_of(const uint8_t *bytes, size_t count) {
  uint32_t low = 1, high = 0;
  for (size_t k = 0; k < count; k++) {
    low = (low + bytes[k]) % 65521;
    high = (high + low) % 65521;
  }
  return high << 16 | low;
}

static void put_big_endian(struct buffer *out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) buffer_append_byte(out, (uint8_t)(value >> shift));
}

static void put_chunk(struct buffer *png, const char *type, const struct buffer *content) {
  put_big_endian(png, (uint32_t)content->size);
  size_t start = png->size;
  buffer_append(png, type, 4);
  buffer_append(png, content->data, content->size);
  if (!png->failed) put_big_endian(png, crc_of(png->data + start, png->size - start));
}

struct bits {
  struct buffer *out;
  uint32_t pending;
  unsigned count;
};

static void put_bits(struct bits *bits, uint32_t value, unsigned count) {
  bits->pending |= value << bits->count;
  for (bits->count += count; bits->count >= 8; bits->count -= 8) {
    buffer_append_byte(bits->out, (uint8_t)bits->pending);
    bits->pending >>= 8;
  }
}

/* Huffman codes are stored from their highest bit. */
static void put_code(struct bits *bits, uint32_t code, unsigned count) {
  for (unsigned k = count; k-- > 0;) put_bits(bits, code >> k & 1U, 1);
}

/* RFC 1951, 3.2.6: the fixed code of literals and lengths. */
static void put_symbol(struct bits *bits, unsigned symbol) {
  if (symbol < 144) {
    put_code(bits, 0x30 + symbol, 8);
  } else if (symbol < 256) {
    put_code(bits, 0x190 + symbol - 144, 9);
  } else if (symbol < 280) {
    put_code(bits, symbol - 256, 7);
  } else {
    put_code(bits, 0xC0 + symbol - 280, 8);
  }
}

/* A run of 3 to 258 of the byte before: its length (RFC 1951, 3.2.5), then distance code 0. */
static void put_run(struct bits *bits, unsigned length) {
  unsigned rest = length - 3, extra = 0;
  if (length == 258) {
    put_symbol(bits, 285);
  } else {
    while (rest >> extra >= 8) extra++;
    put_symbol(bits, 257 + 4 * extra + (rest >> extra));
    put_bits(bits, rest & ((1U << extra) - 1), extra);
  }
  put_code(bits, 0, 5);
}

static void deflate(struct buffer *out, const uint8_t *bytes, size_t count) {
  struct bits bits = {out, 0, 0};
  buffer_append_byte(out, 0x78); /* zlib's header: deflate, 32K window, no dictionary. */
  buffer_append_byte(out, 0x01);
  put_bits(&bits, 1, 1); /* The last block, */
  put_bits(&bits, 1, 2); /* with the fixed code. */
  for (size_t k = 0; k < count;) {
    put_symbol(&bits, bytes[k]);
    size_t end = k + 1;
    while (end < count && bytes[end] == bytes[k]) end++;
    for (k++; end - k >= 3;) {
      unsigned length = end - k > 258 ? 258 : (unsigned)(end - k);
      put_run(&bits, length);
      k += length;
    }
  }
  put_symbol(&bits, 256);
  put_bits(&bits, 0, 7); /* Fills the last byte. */
  put_big_endian(out, adler_of(bytes, count));
}

static void put_rows(struct buffer *rows, const uint8_t *mask, unsigned width, unsigned height) {
  size_t stride = (width + 7) / 8;
  uint8_t *row = buffer_room(rows, (stride + 1) * height);
  if (row == NULL) return;
  memset(row, 0, (stride + 1) * height);
  rows->size += (stride + 1) * height;
  for (unsigned y = 0; y < height; y++, row += stride + 1) {
    row[0] = 2; /* Filter "up". */
    for (unsigned x = 0; x < width; x++) {
      if (mask[(size_t)y * width + x] >= 128) row[1 + x / 8] |= (uint8_t)(0x80 >> x % 8);
    }
  }
  /* From the bottom up, so that the row above is still whole when it is subtracted. */
  uint8_t *first = rows->data + rows->size - (stride + 1) * height;
  for (unsigned y = height; y-- > 1;) {
    uint8_t *lower = first + y * (stride + 1), *upper = lower - (stride + 1);
    for (size_t k = 1; k <= stride; k++) lower[k] = (uint8_t)(lower[k] - upper[k]);
  }
}

void png_of_mask(struct buffer *png, const uint8_t *mask, unsigned width, unsigned height) {
  struct buffer header = {0}, rows = {0}, packed = {0}, nothing = {0};
  buffer_append(png, "\x89PNG\r\n\x1a\n", 8);
  put_big_endian(&header, width);
  put_big_endian(&header, height);
  buffer_append(&header, "\x01\x00\x00\x00\x00", 5); /* 1 bit, gray, not interlaced. */
  put_rows(&rows, mask, width, height);
  if (!rows.failed) deflate(&packed, rows.data, rows.size);
  png->failed = png->failed || rows.failed || packed.failed;
  put_chunk(png, "IHDR", &header);
  put_chunk(png, "IDAT", &packed);
  put_chunk(png, "IEND", &nothing);
  buffer_free(&header);
  buffer_free(&rows);
  buffer_free(&packed);
}
