// Masks as pictures in a target's colour: a veil with an edge, the edge alone, or plain.

const KEPT = 90;
const VEIL = 105;

export class MaskPictures {
  constructor(store, onReady) {
    this.store = store;
    this.onReady = onReady;
    this.pictures = new Map();
    this.making = new Set();
  }

  // The picture, or null while it is made; `style` is "veil", "edge" or "plain".
  get(target, frame, style) {
    const mask = this.store.mask(target, frame);
    if (!mask) return null;
    const colour = style === "plain" ? "#ffffff" : this.store.colour(target);
    const key = `${target}/${frame}/${mask.stamp}/${style}/${colour}`;
    const found = this.pictures.get(key);
    if (!found && !this.making.has(key)) this.make(key, mask, style, colour);
    return found ?? null;
  }

  async make(key, mask, style, colour) {
    this.making.add(key);
    try {
      const picture = await painted(mask.png, style, colour, this.store.edit.proxy);
      this.pictures.set(key, picture);
      for (const old of this.pictures.keys()) {
        if (this.pictures.size <= KEPT) break;
        this.pictures.delete(old);
      }
    } finally {
      this.making.delete(key);
      this.onReady();
    }
  }
}

// A painted mask has the source's size: more than the page shows, so it is brought down first.
export async function bitmapOf(png, [width, height]) {
  const blob = new Blob([png], { type: "image/png" });
  const bitmap = await createImageBitmap(blob);
  if (bitmap.width <= width) return bitmap;
  const small = await createImageBitmap(bitmap, { resizeWidth: width, resizeHeight: height });
  bitmap.close();
  return small;
}

async function painted(png, style, colour, size) {
  const bitmap = await bitmapOf(png, size);
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const image = context.getImageData(0, 0, width, height);
  tint(image, style, [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)));
  context.putImageData(image, 0, 0);
  return canvas;
}

function tint({ data, width, height }, style, [red, green, blue]) {
  const pixels = new Uint32Array(data.buffer);
  const inside = new Uint8Array(pixels.length);
  for (let at = 0; at < inside.length; at++) inside[at] = data[at * 4] >= 128 ? 1 : 0;
  const paint = (blue << 16) | (green << 8) | red;
  const fill = { veil: VEIL, edge: 0, plain: 255 }[style], edge = style === "plain" ? 255 : 235;
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      if (!inside[at]) { pixels[at] = 0; continue; }
      const border = x === 0 || y === 0 || x === width - 1 || y === height - 1 ||
        !(inside[at - 1] && inside[at + 1] && inside[at - width] && inside[at + width]);
      pixels[at] = ((border ? edge : fill) << 24 >>> 0) | paint;
    }
  }
}
