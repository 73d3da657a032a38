/* Images of hosts: every depth, component set, stride and premultiplication; and what the daemon sends and takes. */
#ifndef PEANUT_IMAGE_PIXELS_H
#define PEANUT_IMAGE_PIXELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum depth { DEPTH_BYTE, DEPTH_SHORT, DEPTH_HALF, DEPTH_FLOAT };
enum components { COMPONENTS_ALPHA = 1, COMPONENTS_RGB = 3, COMPONENTS_RGBA = 4 };

/* Pixels [x1, x2) by [y1, y2); y goes up. */
struct rectangle {
  int x1, y1, x2, y2;
};

struct image {
  uint8_t *data; /* Of the pixel (x1, y1); rows may go down in memory. */
  struct rectangle bounds;
  ptrdiff_t row_bytes; /* May be negative, may be more than the pixels need. */
  enum depth depth;
  enum components components;
  bool premultiplied;
};

/* What of a picture goes where. */
enum paint {
  PAINT_OVERLAY, /* One component: the source, tinted by it. */
  PAINT_GRAY,    /* One component: as gray, and as alpha. */
  PAINT_REPLACE, /* RGBA: the colour wherever alpha is not 0. */
  PAINT_OVER,    /* RGBA, not premultiplied: laid over the source. */
};

/* A picture of the daemon: rows from the top, without gaps. It covers `area` of the host's image. */
struct layer {
  const uint8_t *pixels;
  int components;   /* 1 or 4. */
  int sample_bytes; /* 1 or 2. */
  struct rectangle area;
};

struct rectangle rectangle_common(struct rectangle a, struct rectangle b);
bool rectangle_is_empty(struct rectangle area);
size_t sample_size(enum depth depth);
float half_to_float(uint16_t half);
uint16_t float_to_half(float value);

/* Copies the window; what the source does not have becomes 0. Bit for bit where both are of one kind. */
void image_copy(const struct image *target, const struct image *source, struct rectangle window);
/* Paints the layer over the window of `target`, which image_copy filled from `source` before. */
void image_paint(const struct image *target, const struct image *source, const struct layer *layer, enum paint paint,
                 struct rectangle window);
/* Straight RGB of `area`, rows from the top, 1 or 2 bytes each component; 0 outside the image. False: no colours. */
bool image_to_rgb(const struct image *image, struct rectangle area, int sample_bytes, uint8_t *rgb);
/* A matte of `area`, rows from the top, one byte each pixel: alpha, or brightness where alpha is full everywhere. */
void image_to_mask(const struct image *image, struct rectangle area, uint8_t *mask);

#endif
