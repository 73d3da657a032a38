/* Masks as 1-bit gray PNGs. */
#ifndef PEANUT_IMAGE_PNG_H
#define PEANUT_IMAGE_PNG_H

#include <stdint.h>

#include "base/buffer.h"

/* Appends a PNG of a mask; `mask` has one byte per pixel, rows from the top, white where it is 128 or more. */
void png_of_mask(struct buffer *png, const uint8_t *mask, unsigned width, unsigned height);

#endif
