#include "base/json.h"

#include <string.h>

#define MAX_DEPTH 32

static const char *skip_space(const char *at) {
  while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r') at++;
  return at;
}

static int hex4(const char *at) {
  int value = 0;
  for (int k = 0; k < 4; k++) {
    char c = at[k];
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

static void put_utf8(struct buffer *out, uint32_t code) {
  if (code < 0x80) {
    buffer_append_byte(out, (uint8_t)code);
  } else if (code < 0x800) {
    buffer_append_byte(out, (uint8_t)(0xC0 | code >> 6));
    buffer_append_byte(out, (uint8_t)(0x80 | (code & 0x3F)));
  } else if (code < 0x10000) {
    buffer_append_byte(out, (uint8_t)(0xE0 | code >> 12));
    buffer_append_byte(out, (uint8_t)(0x80 | (code >> 6 & 0x3F)));
    buffer_append_byte(out, (uint8_t)(0x80 | (code & 0x3F)));
  } else {
    buffer_append_byte(out, (uint8_t)(0xF0 | code >> 18));
    buffer_append_byte(out, (uint8_t)(0x80 | (code >> 12 & 0x3F)));
    buffer_append_byte(out, (uint8_t)(0x80 | (code >> 6 & 0x3F)));
    buffer_append_byte(out, (uint8_t)(0x80 | (code & 0x3F)));
  }
}

/* `at` is behind "\u"; returns behind the escape. */
static const char *read_unicode(const char *at, struct buffer *out) {
  int unit = hex4(at);
  if (unit < 0) return NULL;
  at += 4;
  uint32_t code = (uint32_t)unit;
  if (unit >= 0xD800 && unit < 0xDC00 && at[0] == '\\' && at[1] == 'u') {
    int low = hex4(at + 2);
    if (low >= 0xDC00 && low < 0xE000) {
      code = 0x10000 + ((code - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
      at += 6;
    }
  }
  put_utf8(out, code);
  return at;
}

/* `at` is on the opening quote; returns behind the closing one, NULL if there is none. `out` may be NULL. */
static const char *read_string(const char *at, struct buffer *out) {
  struct buffer ignored = {0};
  struct buffer *target = out != NULL ? out : &ignored;
  static const char FROM[] = "\"\\/bfnrt", TO[] = "\"\\/\b\f\n\r\t";
  for (at++; at != NULL && *at != 0 && *at != '"';) {
    if (*at != '\\') {
      buffer_append_byte(target, (uint8_t)*at++);
      continue;
    }
    at++;
    const char *known = *at != 0 ? strchr(FROM, *at) : NULL;
    if (known != NULL) {
      buffer_append_byte(target, (uint8_t)TO[known - FROM]);
      at++;
    } else {
      at = *at == 'u' ? read_unicode(at + 1, target) : NULL;
    }
  }
  bool closed = at != NULL && *at == '"';
  buffer_free(&ignored);
  return closed ? at + 1 : NULL;
}

/* Behind the value that starts at `at`; NULL if it is cut off. */
static const char *skip_value(const char *at) {
  int depth = 0;
  do {
    at = skip_space(at);
    if (*at == 0) return NULL;
    if (*at == '"') {
      at = read_string(at, NULL);
      if (at == NULL) return NULL;
    } else if (*at == '{' || *at == '[') {
      if (++depth > MAX_DEPTH) return NULL;
      at++;
    } else if (*at == '}' || *at == ']') {
      if (--depth < 0) return NULL;
      at++;
    } else if (*at == ',' || *at == ':') {
      if (depth == 0) return NULL;
      at++;
    } else {
      while (*at != 0 && strchr(",:]}\" \t\r\n", *at) == NULL) at++;
    }
  } while (depth > 0);
  return at;
}

/* The start of a member's value; NULL where there is none. */
static const char *find(const char *json, const char *key) {
  const char *at = skip_space(json);
  if (*at != '{') return NULL;
  const char *found = NULL;
  struct buffer name = {0};
  for (at = skip_space(at + 1); found == NULL && *at == '"';) {
    buffer_clear(&name);
    at = read_string(at, &name);
    if (at == NULL) break;
    at = skip_space(at);
    if (*at != ':') break;
    at = skip_space(at + 1);
    if (strcmp(buffer_text(&name), key) == 0) found = at;
    at = skip_value(at);
    if (at == NULL) break;
    at = skip_space(at);
    if (*at == ',') at = skip_space(at + 1);
  }
  buffer_free(&name);
  return found;
}

bool json_text(const char *json, const char *key, char *text, size_t capacity) {
  text[0] = 0;
  const char *at = find(json, key);
  if (at == NULL || *at != '"') return false;
  struct buffer value = {0};
  bool fits = read_string(at, &value) != NULL && !value.failed && value.size < capacity;
  if (fits && value.size > 0) memcpy(text, value.data, value.size);
  if (fits) text[value.size] = 0;
  buffer_free(&value);
  return fits;
}

bool json_integer(const char *json, const char *key, int64_t *number) {
  const char *at = find(json, key);
  if (at == NULL) return false;
  bool negative = *at == '-';
  if (negative) at++;
  int64_t value = 0;
  int digits = 0;
  for (; *at >= '0' && *at <= '9' && digits < 18; digits++) value = value * 10 + (*at++ - '0');
  if (digits == 0 || (*at >= '0' && *at <= '9') || *at == '.' || *at == 'e' || *at == 'E') return false;
  *number = negative ? -value : value;
  return true;
}

void json_put_text(struct buffer *json, const char *text) {
  buffer_append_byte(json, '"');
  for (; *text != 0; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\') buffer_append_byte(json, '\\');
    if (c < 0x20) {
      buffer_printf(json, "\\u%04x", c);
    } else {
      buffer_append_byte(json, c);
    }
  }
  buffer_append_byte(json, '"');
}
