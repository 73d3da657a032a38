#include "image/pixels.h"

#include <string.h>

/* The overlay's colour and strength: red is rare in skin, foliage and sky at once. */
static const float TINT[3] = {1.0f, 0.1f, 0.1f};
#define TINT_STRENGTH 0.5f

struct colour {
  float rgb[3]; /* Straight; 1 is white. */
  float alpha;
};

struct rectangle rectangle_common(struct rectangle a, struct rectangle b) {
  struct rectangle common = {a.x1 > b.x1 ? a.x1 : b.x1, a.y1 > b.y1 ? a.y1 : b.y1, a.x2 < b.x2 ? a.x2 : b.x2,
                             a.y2 < b.y2 ? a.y2 : b.y2};
  return common;
}

bool rectangle_is_empty(struct rectangle area) { return area.x1 >= area.x2 || area.y1 >= area.y2; }

size_t sample_size(enum depth depth) { return depth == DEPTH_BYTE ? 1 : depth == DEPTH_FLOAT ? 4 : 2; }

float half_to_float(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 0x1F, fraction = half & 0x3FF;
  uint32_t bits;
  if (exponent == 31) {
    bits = sign | 0x7F800000 | fraction << 13;
  } else if (exponent != 0) {
    bits = sign | (exponent + 112) << 23 | fraction << 13;
  } else {
    float small = (float)fraction * (1.0f / 16777216.0f);
    return sign != 0 ? -small : small;
  }
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

uint16_t float_to_half(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  bits &= 0x7FFFFFFF;
  if (bits > 0x7F800000) return (uint16_t)(sign | 0x7E00);
  if (bits >= 0x477FF000) return (uint16_t)(sign | 0x7C00); /* Rounds beyond the largest half. */
  if (bits < 0x33000001) return sign;                       /* Rounds to 0. */
  uint32_t exponent = bits >> 23, fraction = (bits & 0x7FFFFF) | 0x800000;
  unsigned shift = exponent < 113 ? 126 - exponent : 13;
  uint32_t kept = fraction >> shift, rest = fraction & ((1U << shift) - 1), middle = 1U << (shift - 1);
  if (rest > middle || (rest == middle && (kept & 1))) kept++;
  /* A normal number's leading 1 adds one to the exponent, and so does a fraction that overflowed. */
  return (uint16_t)(sign | (exponent < 113 ? kept : ((exponent - 113) << 10) + kept));
}

static uint8_t *pixel_at(const struct image *image, int x, int y) {
  size_t pixel = sample_size(image->depth) * (size_t)image->components;
  return image->data + (ptrdiff_t)(y - image->bounds.y1) * image->row_bytes +
         (ptrdiff_t)((size_t)(x - image->bounds.x1) * pixel);
}

static float get_sample(const uint8_t *at, enum depth depth, size_t index) {
  uint16_t word;
  float value;
  switch (depth) {
    case DEPTH_BYTE:
      return (float)at[index] / 255.0f;
    case DEPTH_SHORT:
      memcpy(&word, at + 2 * index, 2);
      return (float)word / 65535.0f;
    case DEPTH_HALF:
      memcpy(&word, at + 2 * index, 2);
      return half_to_float(word);
    case DEPTH_FLOAT:
      break;
  }
  memcpy(&value, at + 4 * index, 4);
  return value;
}

/* Whole code values; NaN becomes 0. */
static unsigned rounded(float value, float white) {
  float scaled = value * white + 0.5f;
  if (!(scaled > 0)) return 0;
  return scaled >= white ? (unsigned)white : (unsigned)scaled;
}

static void put_sample(uint8_t *at, enum depth depth, size_t index, float value) {
  uint16_t word;
  switch (depth) {
    case DEPTH_BYTE:
      at[index] = (uint8_t)rounded(value, 255.0f);
      return;
    case DEPTH_SHORT:
      word = (uint16_t)rounded(value, 65535.0f);
      memcpy(at + 2 * index, &word, 2);
      return;
    case DEPTH_HALF:
      word = float_to_half(value);
      memcpy(at + 2 * index, &word, 2);
      return;
    case DEPTH_FLOAT:
      memcpy(at + 4 * index, &value, 4);
      return;
  }
}

static struct colour get_colour(const struct image *image, int x, int y) {
  struct colour colour = {{0, 0, 0}, 0};
  struct rectangle b = image->bounds;
  if (x < b.x1 || x >= b.x2 || y < b.y1 || y >= b.y2) return colour;
  const uint8_t *at = pixel_at(image, x, y);
  if (image->components == COMPONENTS_ALPHA) {
    colour.alpha = get_sample(at, image->depth, 0);
    return colour;
  }
  for (size_t k = 0; k < 3; k++) colour.rgb[k] = get_sample(at, image->depth, k);
  colour.alpha = image->components == COMPONENTS_RGBA ? get_sample(at, image->depth, 3) : 1.0f;
  if (image->premultiplied && image->components == COMPONENTS_RGBA && colour.alpha > 0) {
    for (size_t k = 0; k < 3; k++) colour.rgb[k] /= colour.alpha;
  }
  return colour;
}

static void put_colour(const struct image *image, int x, int y, struct colour colour) {
  uint8_t *at = pixel_at(image, x, y);
  if (image->components == COMPONENTS_ALPHA) {
    put_sample(at, image->depth, 0, colour.alpha);
    return;
  }
  float factor = image->premultiplied && image->components == COMPONENTS_RGBA ? colour.alpha : 1.0f;
  for (size_t k = 0; k < 3; k++) put_sample(at, image->depth, k, colour.rgb[k] * factor);
  if (image->components == COMPONENTS_RGBA) put_sample(at, image->depth, 3, colour.alpha);
}

static void convert_row(const struct image *target, const struct image *source, int y, int x1, int x2) {
  for (int x = x1; x < x2; x++) put_colour(target, x, y, get_colour(source, x, y));
}

void image_copy(const struct image *target, const struct image *source, struct rectangle window) {
  window = rectangle_common(window, target->bounds);
  if (rectangle_is_empty(window)) return;
  struct rectangle common = rectangle_common(window, source->bounds);
  bool same = target->depth == source->depth && target->components == source->components &&
              (target->premultiplied == source->premultiplied || target->components != COMPONENTS_RGBA);
  size_t pixel = sample_size(target->depth) * (size_t)target->components;
  for (int y = window.y1; y < window.y2; y++) {
    bool has_row = !rectangle_is_empty(common) && y >= common.y1 && y < common.y2;
    bool is_whole = has_row && common.x1 == window.x1 && common.x2 == window.x2;
    if (!is_whole) memset(pixel_at(target, window.x1, y), 0, (size_t)(window.x2 - window.x1) * pixel);
    if (!has_row) continue;
    if (same) {
      memcpy(pixel_at(target, common.x1, y), pixel_at(source, common.x1, y), (size_t)(common.x2 - common.x1) * pixel);
    } else {
      convert_row(target, source, y, common.x1, common.x2);
    }
  }
}

static float layer_sample(const uint8_t *at, int sample_bytes, size_t index) {
  if (sample_bytes == 1) return (float)at[index] / 255.0f;
  return (float)((unsigned)at[2 * index] | (unsigned)at[2 * index + 1] << 8) / 65535.0f;
}

static void paint_pixel(const struct image *target, const struct image *source, int x, int y, const uint8_t *at,
                        int sample_bytes, enum paint paint) {
  struct colour colour = get_colour(source, x, y);
  float amount = layer_sample(at, sample_bytes, paint == PAINT_OVERLAY || paint == PAINT_GRAY ? 0 : 3);
  for (size_t k = 0; k < 3; k++) {
    float own = colour.rgb[k];
    switch (paint) {
      case PAINT_OVERLAY:
        colour.rgb[k] = own + (TINT[k] - own) * TINT_STRENGTH * amount;
        break;
      case PAINT_GRAY:
        colour.rgb[k] = target->premultiplied && target->components == COMPONENTS_RGBA ? 1.0f : amount;
        break;
      case PAINT_REPLACE:
        colour.rgb[k] = layer_sample(at, sample_bytes, k);
        break;
      case PAINT_OVER: {
        float other = layer_sample(at, sample_bytes, k);
        colour.rgb[k] = amount >= 1.0f ? other : own + (other - own) * amount;
        break;
      }
    }
  }
  if (paint == PAINT_GRAY) colour.alpha = amount;
  put_colour(target, x, y, colour);
}

/* Whether a pixel of the layer leaves the source's own as it is. */
static bool is_untouched(const uint8_t *at, int sample_bytes, int components, enum paint paint) {
  if (paint == PAINT_GRAY) return false;
  const uint8_t *amount = at + (components - 1) * sample_bytes;
  return amount[0] == 0 && (sample_bytes == 1 || amount[1] == 0);
}

void image_paint(const struct image *target, const struct image *source, const struct layer *layer, enum paint paint,
                 struct rectangle window) {
  struct rectangle area = rectangle_common(rectangle_common(window, target->bounds), layer->area);
  bool has_colours = target->components != COMPONENTS_ALPHA;
  if (rectangle_is_empty(area) || (!has_colours && paint != PAINT_GRAY)) return;
  size_t pixel = (size_t)layer->components * (size_t)layer->sample_bytes;
  size_t row = (size_t)(layer->area.x2 - layer->area.x1) * pixel;
  for (int y = area.y1; y < area.y2; y++) {
    const uint8_t *at =
        layer->pixels + (size_t)(layer->area.y2 - 1 - y) * row + (size_t)(area.x1 - layer->area.x1) * pixel;
    for (int x = area.x1; x < area.x2; x++, at += pixel) {
      if (is_untouched(at, layer->sample_bytes, layer->components, paint)) continue;
      paint_pixel(target, source, x, y, at, layer->sample_bytes, paint);
    }
  }
}

static void put_rgb(uint8_t *rgb, int sample_bytes, struct colour colour) {
  for (size_t k = 0; k < 3; k++) {
    unsigned code = rounded(colour.rgb[k], sample_bytes == 1 ? 255.0f : 65535.0f);
    if (sample_bytes == 1) {
      rgb[k] = (uint8_t)code;
    } else {
      rgb[2 * k] = (uint8_t)code;
      rgb[2 * k + 1] = (uint8_t)(code >> 8);
    }
  }
}

bool image_to_rgb(const struct image *image, struct rectangle area, int sample_bytes, uint8_t *rgb) {
  if (image->components == COMPONENTS_ALPHA) return false;
  bool is_plain = image->depth == DEPTH_BYTE && sample_bytes == 1 &&
                  !(image->premultiplied && image->components == COMPONENTS_RGBA);
  for (int y = area.y2 - 1; y >= area.y1; y--) {
    bool has_row = y >= image->bounds.y1 && y < image->bounds.y2;
    for (int x = area.x1; x < area.x2; x++, rgb += 3 * sample_bytes) {
      if (is_plain && has_row && x >= image->bounds.x1 && x < image->bounds.x2) {
        memcpy(rgb, pixel_at(image, x, y), 3);
      } else {
        put_rgb(rgb, sample_bytes, get_colour(image, x, y));
      }
    }
  }
  return true;
}

/* Hosts without masks of their own connect a picture: white on black with full alpha. */
static bool alpha_says_nothing(const struct image *image) {
  if (image->components != COMPONENTS_RGBA) return image->components == COMPONENTS_RGB;
  for (int y = image->bounds.y1; y < image->bounds.y2; y++) {
    for (int x = image->bounds.x1; x < image->bounds.x2; x++) {
      if (get_sample(pixel_at(image, x, y), image->depth, 3) < 1.0f) return false;
    }
  }
  return true;
}

void image_to_mask(const struct image *image, struct rectangle area, uint8_t *mask) {
  bool is_picture = alpha_says_nothing(image);
  for (int y = area.y2 - 1; y >= area.y1; y--) {
    for (int x = area.x1; x < area.x2; x++) {
      struct colour colour = get_colour(image, x, y);
      float value = colour.alpha;
      if (is_picture) {
        value = colour.rgb[0] > colour.rgb[1] ? colour.rgb[0] : colour.rgb[1];
        if (colour.rgb[2] > value) value = colour.rgb[2];
      }
      *mask++ = (uint8_t)rounded(value, 255.0f);
    }
  }
}
