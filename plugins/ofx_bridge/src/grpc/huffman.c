#include "grpc/hpack.h"

/*
 * RFC 7541, appendix B. The code is canonical: codes of one length are consecutive and in order of their symbols, and
 * go on from the codes of the length before. So the lengths say everything.
 */
#define SYMBOLS 257
#define END_OF_STRING 256
#define SHORTEST 5
#define LONGEST 30

static const uint8_t LENGTHS[SYMBOLS] = {
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
    28, 28, 28, 6,  10, 10, 12, 13, 6,  8,  11, 10, 10, 8,  11, 8,  6,  6,  6,  5,  5,  5,  6,  6,  6,  6,  6,  6,  6,
    7,  8,  15, 6,  12, 10, 13, 6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,
    7,  8,  7,  8,  13, 19, 13, 14, 6,  15, 5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,  6,  7,  6,  5,
    5,  6,  7,  7,  7,  7,  7,  15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24,
    24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22,
    23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26,
    27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23,
    22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
};

struct canonical {
  uint32_t first_code[LONGEST + 1];
  uint16_t first_place[LONGEST + 1];
  uint16_t count[LONGEST + 1];
  uint16_t symbols[SYMBOLS];
};

static void build(struct canonical *table) {
  uint32_t code = 0;
  uint16_t place = 0;
  for (unsigned length = SHORTEST; length <= LONGEST; length++) {
    code <<= 1;
    table->first_code[length] = code;
    table->first_place[length] = place;
    for (unsigned symbol = 0; symbol < SYMBOLS; symbol++) {
      if (LENGTHS[symbol] == length) table->symbols[place++] = (uint16_t)symbol;
    }
    table->count[length] = (uint16_t)(place - table->first_place[length]);
    code += table->count[length];
  }
}

bool huffman_decode(const uint8_t *bytes, size_t size, struct buffer *text) {
  struct canonical table;
  build(&table);
  uint32_t code = 0;
  unsigned length = 0;
  bool only_ones = true;
  for (size_t k = 0; k < size * 8; k++) {
    uint32_t bit = (uint32_t)(bytes[k / 8] >> (7 - k % 8)) & 1U;
    code = code << 1 | bit;
    only_ones = only_ones && bit == 1;
    length++;
    if (length > LONGEST) return false;
    if (length < SHORTEST || code - table.first_code[length] >= table.count[length]) continue;
    uint16_t symbol = table.symbols[table.first_place[length] + code - table.first_code[length]];
    if (symbol == END_OF_STRING) return false;
    buffer_append_byte(text, (uint8_t)symbol);
    code = 0;
    length = 0;
    only_ones = true;
  }
  /* What is left must be padding: fewer than 8 bits, all ones. */
  return length < 8 && only_ones && !text->failed;
}
