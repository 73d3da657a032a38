// What the pointer does on the picture: click, box, brush, eraser, hand, wipe.

import { bitmapOf } from "./mask_pictures.js";
import { drawBox, stamp } from "./viewer.js";

const DRAG_PX = 5;

export const TOOLS = [
  { id: "point", key: "A", label: "Click to add, Alt-click to leave out",
    icon: "M5 3l12 9-6 1-2 6z M17 3v6 M14 6h6" },
  { id: "box", key: "B", label: "Box around the object", icon: "M4 6h16v12H4z" },
  { id: "brush", key: "P", label: "Brush: paint the mask", icon: "M19 4l-8 8 M11 12c-3-1-5 1-5 4 0 2-1 3-3 4 5 1 9 0 10-4 0-2-1-3-2-4z" },
  { id: "eraser", key: "E", label: "Eraser: take from the mask", icon: "M9 19h11 M4 15l9-10 7 6-7 8H8z M9 10l7 6" },
  { id: "hand", key: "H", label: "Hand: move the picture", icon: "M8 12V6a1.5 1.5 0 013 0v5 M11 11V4.500a1.500 1.500 0 013 0V11 M14 11V6a1.500 1.500 0 013 0v8c0 4-2 6-5 6s-4-1-6-4l-2.500-4c1-1.500 2.500-1 3.500.5z" },
];

export class Tools {
  constructor(viewer, store, actions) {
    this.viewer = viewer;
    this.store = store;
    this.actions = actions;
    this.paint = null;            // the mask being painted, at the source's size
    const { canvas } = viewer;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", () => this.drop());
    canvas.addEventListener("pointerleave", () => { this.hover = null; viewer.redraw(); });
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    viewer.preview = (context, place) => this.draw(context, place);
  }

  get painting() { return this.store.ui.tool === "brush" || this.store.ui.tool === "eraser"; }

  down(event) {
    if (!this.store.edit || (event.button !== 0 && event.button !== 1)) return;
    this.viewer.canvas.setPointerCapture(event.pointerId);
    const at = this.viewer.at(event);
    const { tool, view } = this.store.ui;
    const hand = event.button === 1 || tool === "hand";
    this.drag = { start: at, last: [event.clientX, event.clientY], at, moved: false, alt: event.altKey,
      kind: hand ? "hand" : view === "wipe" ? "wipe" : tool };
    if (this.drag.kind === "wipe") this.wipe(event);
    if (this.drag.kind === "brush" || this.drag.kind === "eraser") this.beginPaint(at);
  }

  move(event) {
    this.hover = this.viewer.at(event);
    if (this.painting) this.viewer.redraw();
    const { drag } = this;
    if (!drag) return;
    const before = drag.at;
    drag.at = this.viewer.at(event);
    const [x, y] = [event.clientX - drag.last[0], event.clientY - drag.last[1]];
    drag.moved ||= Math.hypot(x, y) > DRAG_PX;
    if (drag.kind === "hand") {
      const { clip } = this.store.edit;
      this.viewer.panBy((before[0] - drag.at[0]) / clip.width, (before[1] - drag.at[1]) / clip.height);
      drag.at = this.viewer.at(event);
    } else if (drag.kind === "wipe") this.wipe(event);
    else if (drag.kind === "brush" || drag.kind === "eraser") this.stroke(before, drag.at);
    this.viewer.redraw();
  }

  up(event) {
    const { drag } = this;
    this.drag = null;
    if (!drag) return;
    if (drag.kind === "brush" || drag.kind === "eraser") this.endPaint();
    else if (drag.kind === "box" || (drag.kind === "point" && drag.moved)) this.box(drag);
    else if (drag.kind === "point") this.point(this.viewer.at(event), !(drag.alt || event.altKey));
    this.viewer.redraw();
  }

  drop() { this.drag = null; this.paint = null; this.viewer.redraw(); }

  inside([x, y]) {
    const { width, height } = this.store.edit.clip;
    return x >= -0.5 && y >= -0.5 && x < width - 0.5 && y < height - 0.5;
  }

  point(at, positive) {
    if (!this.inside(at)) return;
    stamp("prompt-made", {});
    const [x, y] = at.map((part) => Math.max(0, Math.round(part * 10) / 10));
    this.actions.say({ kind: "point", frame: this.store.frame, x, y, positive });
  }

  box({ start, at, moved }) {
    const { width, height } = this.store.edit.clip;
    const whole = (a, b, most) => [Math.min(a, b), Math.max(a, b) + 1].map((side) => Math.min(most, Math.max(0, Math.round(side))));
    const [x0, x1] = whole(start[0], at[0], width), [y0, y1] = whole(start[1], at[1], height);
    if (moved && x1 - x0 > 1 && y1 - y0 > 1) this.actions.say({ kind: "box", frame: this.store.frame, x0, y0, x1, y1 });
  }

  wipe(event) {
    const [x] = this.viewer.at(event);
    this.store.set({ wipe: Math.min(1, Math.max(0, (x + 0.5) / this.store.edit.clip.width)) });
  }

  // Painting goes on from the mask that the frame has.

  beginPaint(at) {
    const { clip } = this.store.edit, { frame } = this.store;
    const target = this.store.ui.target || this.actions.newTarget();
    const mask = this.store.mask(target, frame);
    const canvas = new OffscreenCanvas(clip.width, clip.height);
    const paint = { target, frame, canvas, context: canvas.getContext("2d"), strokes: [], ready: !mask };
    this.paint = paint;
    if (mask) {
      bitmapOf(mask.png, [clip.width, clip.height]).then((bitmap) => {
        paint.context.drawImage(bitmap, 0, 0, clip.width, clip.height);
        bitmap.close();
        paint.ready = true;
        for (const [from, to, kind] of paint.strokes.splice(0)) line(paint.context, from, to, kind, this.store.ui.brush);
        if (paint.ended) this.send(paint);
        this.viewer.redraw();
      });
    } else {
      paint.context.fillStyle = "#000";
      paint.context.fillRect(0, 0, clip.width, clip.height);
    }
    this.stroke(at, at);
  }

  stroke(from, to) {
    const { paint } = this;
    if (!paint) return;
    if (paint.ready) line(paint.context, from, to, this.store.ui.tool, this.store.ui.brush);
    else paint.strokes.push([from, to, this.store.ui.tool]);
    (paint.trail ??= []).push([from, to]);
  }

  endPaint() {
    const { paint } = this;
    if (!paint) return;
    paint.ended = true;
    stamp("prompt-made", {});
    if (paint.ready) this.send(paint);
  }

  async send(paint) {
    const blob = await paint.canvas.convertToBlob({ type: "image/png" });
    const png = await base64(blob);
    await this.actions.say({ kind: "mask", frame: paint.frame, png }, paint.target);
    if (this.paint === paint) this.paint = null;
    this.viewer.redraw();
  }

  wheel(event) {
    event.preventDefault();
    this.viewer.zoomAt(Math.exp(-event.deltaY * 0.0016), event);
  }

  draw(context, place) {
    const { drag, paint } = this, colour = this.store.colour(this.store.ui.target);
    if (drag && (drag.kind === "box" || (drag.kind === "point" && drag.moved))) {
      const [x0, x1] = [drag.start[0], drag.at[0]].sort((a, b) => a - b);
      const [y0, y1] = [drag.start[1], drag.at[1]].sort((a, b) => a - b);
      drawBox(context, place, { x0, y0, x1, y1 }, colour);
    }
    if (paint && paint.frame === this.store.frame) this.drawTrail(context, place, paint, colour);
    if (this.painting && this.hover) {
      context.beginPath();
      context.arc(place.x + (this.hover[0] + 0.5) * place.perX, place.y + (this.hover[1] + 0.5) * place.perY,
        this.store.ui.brush / 2 * place.perY, 0, 7);
      context.strokeStyle = "#fff";
      context.lineWidth = devicePixelRatio;
      context.stroke();
    }
  }

  drawTrail(context, place, paint, colour) {
    context.globalAlpha = 0.55;
    context.strokeStyle = this.store.ui.tool === "eraser" ? "#111" : colour;
    context.lineWidth = this.store.ui.brush * place.perY;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    for (const [[x0, y0], [x1, y1]] of paint.trail ?? []) {
      context.moveTo(place.x + (x0 + 0.5) * place.perX, place.y + (y0 + 0.5) * place.perY);
      context.lineTo(place.x + (x1 + 0.5) * place.perX + 0.01, place.y + (y1 + 0.5) * place.perY);
    }
    context.stroke();
    context.globalAlpha = 1;
  }
}

function line(context, from, to, kind, width) {
  context.strokeStyle = kind === "eraser" ? "#000" : "#fff";
  context.lineWidth = width;
  context.lineCap = "round";
  context.beginPath();
  context.moveTo(from[0] + 0.5, from[1] + 0.5);
  context.lineTo(to[0] + 0.51, to[1] + 0.5);
  context.stroke();
}

async function base64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}
