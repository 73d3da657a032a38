/* Flat JSON: what daemon.json and the plugin's saved state are. */
#ifndef PEANUT_BASE_JSON_H
#define PEANUT_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* The text of a member of the outermost object; false where it is missing, no text, or too long for `text`. */
bool json_text(const char *json, const char *key, char *text, size_t capacity);
/* The same for a whole number. */
bool json_integer(const char *json, const char *key, int64_t *number);
/* Appends text in quotes. */
void json_put_text(struct buffer *json, const char *text);

#endif
