// The picture: frame, masks, prompts, at any zoom.

import { MaskPictures } from "./mask_pictures.js";

const MARK_PX = 7;
const MAX_ZOOM = 24;
// From here on pixels are what one wants to see.
const SHARP_FROM = 3;
// Fine scaling costs several times as much: it waits until the picture stands still.
const STILL_MS = 180;

export class Viewer {
  constructor(canvas, store) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.store = store;
    this.masks = new MaskPictures(store, () => this.redraw());
    this.zoom = 1;
    this.middle = [0.5, 0.5];     // of the picture, at the middle of the canvas
    this.preview = null;          // draws what a tool is about to do
    this.shown = -1;
    new ResizeObserver(() => this.redraw()).observe(canvas);
  }

  use(frames, results, mattes) { Object.assign(this, { frames, results, mattes }); }

  // Many changes, one drawing.
  redraw() {
    if (this.due) return;
    this.due = true;
    clearTimeout(this.still);
    requestAnimationFrame(() => {
      this.due = false;
      this.draw("low");
      this.still = setTimeout(() => this.draw("high"), STILL_MS);
    });
  }

  // Where the picture lies, in canvas pixels.
  get place() {
    const { clip } = this.store.edit;
    const width = clip.width * clip.aspect, height = clip.height;
    const fit = Math.min(this.canvas.width / width, this.canvas.height / height) * 0.98;
    const scale = fit * this.zoom;
    return {
      x: this.canvas.width / 2 - this.middle[0] * width * scale,
      y: this.canvas.height / 2 - this.middle[1] * height * scale,
      width: width * scale, height: height * scale,
      perX: clip.aspect * scale, perY: scale,
    };
  }

  // A pointer's place in source pixels; their centres are at whole numbers.
  at(event) {
    const box = this.canvas.getBoundingClientRect(), place = this.place;
    const ratio = this.canvas.width / box.width;
    return [
      ((event.clientX - box.left) * ratio - place.x) / place.perX - 0.5,
      ((event.clientY - box.top) * ratio - place.y) / place.perY - 0.5,
    ];
  }

  zoomAt(factor, event = null) {
    if (!this.store.edit) return;
    const before = event && this.at(event);
    this.zoom = Math.min(MAX_ZOOM, Math.max(1, this.zoom * factor));
    if (this.zoom === 1) this.middle = [0.5, 0.5];
    else if (before) {
      const after = this.at(event), { clip } = this.store.edit;
      this.panBy((before[0] - after[0]) / clip.width, (before[1] - after[1]) / clip.height);
    }
    this.redraw();
  }

  panBy(x, y) {
    this.middle = [this.middle[0] + x, this.middle[1] + y].map((part) => Math.min(1, Math.max(0, part)));
    this.redraw();
  }

  fit() { this.zoom = 1; this.middle = [0.5, 0.5]; this.redraw(); }

  draw(quality) {
    const { canvas, context, store } = this;
    const width = Math.round(canvas.clientWidth * devicePixelRatio);
    const height = Math.round(canvas.clientHeight * devicePixelRatio);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    context.fillStyle = "#0f0f0f";
    context.fillRect(0, 0, width, height);
    if (!store.edit || !this.frames) return;
    const place = this.place;
    context.imageSmoothingEnabled = place.width / store.edit.proxy[0] < SHARP_FROM;
    context.imageSmoothingQuality = quality;
    const shown = this.content(context, place);
    if (store.ui.view !== "result") this.prompts(context, place);
    this.preview?.(context, place);
    this.note(shown);
  }

  // Frame and masks; says whether the frame itself was there.
  content(context, place) {
    const { store } = this, { view } = store.ui, frame = store.frame;
    const picture = this.frames.get(frame) ?? this.frames.get(this.shown);
    if (this.frames.get(frame)) this.shown = frame;
    const put = (image) => image && context.drawImage(image, place.x, place.y, place.width, place.height);
    if (view === "matte") {
      context.fillStyle = "#000";
      context.fillRect(place.x, place.y, place.width, place.height);
      put(this.mattes?.get(frame));
      return true;
    }
    if (view === "cutout") {
      this.cutout(context, place, picture, frame);
    } else {
      put(picture);
      if (view === "overlay" || view === "outline") this.overlay(put, frame, view);
      if (view === "result") put(this.results?.get(frame));
      if (view === "wipe") this.wipe(context, place, put, frame);
    }
    return this.shown === frame;
  }

  overlay(put, frame, view) {
    for (const target of this.store.targets) {
      if (target.enabled) put(this.masks.get(target.id, frame, view === "outline" ? "edge" : "veil"));
    }
  }

  cutout(context, place, picture, frame) {
    const [width, height] = this.store.edit.proxy;
    this.cut ??= new OffscreenCanvas(width, height);
    const cut = this.cut.getContext("2d");
    cut.globalCompositeOperation = "source-over";
    cut.clearRect(0, 0, width, height);
    for (const target of this.store.targets) {
      const mask = target.enabled && this.masks.get(target.id, frame, "plain");
      if (mask) cut.drawImage(mask, 0, 0, width, height);
    }
    cut.globalCompositeOperation = "source-in";
    if (picture) cut.drawImage(picture, 0, 0, width, height);
    context.fillStyle = "#2b2b2b";
    context.fillRect(place.x, place.y, place.width, place.height);
    context.drawImage(this.cut, place.x, place.y, place.width, place.height);
  }

  // The source on the left, the result on the right of the line.
  wipe(context, place, put, frame) {
    const line = place.x + place.width * this.store.ui.wipe;
    context.save();
    context.beginPath();
    context.rect(line, place.y, place.x + place.width - line, place.height);
    context.clip();
    put(this.results?.get(frame));
    context.restore();
    context.fillStyle = "#fff";
    context.fillRect(Math.round(line) - 1, place.y, 2, place.height);
    context.beginPath();
    context.arc(line, place.y + place.height / 2, 9 * devicePixelRatio, 0, 7);
    context.fill();
    context.fillStyle = "#000";
    context.font = `${12 * devicePixelRatio}px system-ui`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText("↔", line, place.y + place.height / 2);
  }

  prompts(context, place) {
    const { store } = this;
    const said = store.targets.filter((target) => target.enabled).flatMap((target) => target.prompts.map((prompt) => ({ ...prompt, target: target.id })));
    for (const prompt of [...said, ...store.hopes]) {
      if (prompt.frame !== store.frame || (prompt.kind !== "point" && prompt.kind !== "box")) continue;
      context.globalAlpha = prompt.target === store.ui.target ? 1 : 0.5;
      if (prompt.kind === "point") drawPoint(context, place, prompt, store.colour(prompt.target));
      else drawBox(context, place, prompt, store.colour(prompt.target));
    }
    context.globalAlpha = 1;
  }

  // For whoever measures with the browser's own clock.
  note(shown) {
    const { frame } = this.store;
    if (shown && this.noted !== frame) {
      this.noted = frame;
      stamp("frame-painted", { frame });
    }
    if (this.store.ui.view !== "overlay") return;
    for (const target of this.store.targets) {
      const mask = this.store.mask(target.id, frame);
      if (mask && mask.stamp > (this.notedMask ?? 0) && this.masks.get(target.id, frame, "veil")) {
        this.notedMask = mask.stamp;
        stamp("mask-painted", { frame, target: target.id });
      }
    }
  }
}

export function stamp(name, detail) {
  performance.clearMarks(name);
  performance.mark(name, { detail });
}

export function drawBox(context, place, { x0, y0, x1, y1 }, colour) {
  const box = [place.x + x0 * place.perX, place.y + y0 * place.perY, (x1 - x0) * place.perX, (y1 - y0) * place.perY];
  context.lineWidth = 3 * devicePixelRatio;
  context.strokeStyle = "#000a";
  context.strokeRect(...box);
  context.lineWidth = 1.5 * devicePixelRatio;
  context.strokeStyle = colour;
  context.strokeRect(...box);
}

function drawPoint(context, place, { x, y, positive }, colour) {
  const across = place.x + (x + 0.5) * place.perX, down = place.y + (y + 0.5) * place.perY;
  const radius = MARK_PX * devicePixelRatio, arm = radius * 0.55;
  context.beginPath();
  context.arc(across, down, radius, 0, 7);
  context.fillStyle = positive ? colour : "#141414";
  context.fill();
  context.lineWidth = 2 * devicePixelRatio;
  context.strokeStyle = positive ? "#fff" : colour;
  context.stroke();
  context.beginPath();
  context.moveTo(across - arm, down);
  context.lineTo(across + arm, down);
  if (positive) {
    context.moveTo(across, down - arm);
    context.lineTo(across, down + arm);
  }
  context.stroke();
}
