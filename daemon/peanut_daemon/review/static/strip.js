// The timeline strip: one lane per target with its confidence, doubtful and locked frames, playhead.

import { doubtOf } from "./store.js";

const RULER = 16;
const COLOURS = { ground: "#181818", empty: "#262626", pending: "#4a4a4a", doubt: "#f0b429", head: "#ffffff", outside: "#000a" };

export class Strip {
  constructor(canvas, store, scrub) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.store = store;
    new ResizeObserver(() => this.redraw()).observe(canvas);
    const go = (event) => scrub(this.frameAt(event));
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !store.edit) return;
      canvas.setPointerCapture(event.pointerId);
      this.scrubbing = true;
      go(event);
    });
    canvas.addEventListener("pointermove", (event) => this.scrubbing && go(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { this.scrubbing = false; });
  }

  frameAt(event) {
    const box = this.canvas.getBoundingClientRect();
    return this.store.range[0] + Math.floor((event.clientX - box.left) / box.width * this.store.length);
  }

  redraw(all = true) {
    if (all) this.stale = true;
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => { this.due = false; this.draw(); });
  }

  draw() {
    const { canvas, context, store } = this;
    const width = Math.round(canvas.clientWidth * devicePixelRatio), height = Math.round(canvas.clientHeight * devicePixelRatio);
    if (!store.edit || !width) return;
    if (canvas.width !== width || canvas.height !== height) { Object.assign(canvas, { width, height }); this.stale = true; }
    if (this.stale || !this.lanes) this.drawLanes(width, height);
    context.drawImage(this.lanes, 0, 0);
    this.inOut(context, width, height);
    const across = this.x(store.frame, width), wide = Math.max(2, this.x(store.frame + 1, width) - across);
    context.fillStyle = "#ffffff30";
    context.fillRect(across, 0, wide, height);
    context.fillStyle = COLOURS.head;
    context.fillRect(Math.round(across + wide / 2) - 1, 0, 2, height);
    this.say();
  }

  x(frame, width) { return (frame - this.store.range[0]) / this.store.length * width; }

  // Everything but the playhead is drawn once and kept: a step redraws one picture and a line.
  drawLanes(width, height) {
    const { store } = this;
    this.stale = false;
    this.lanes = new OffscreenCanvas(width, height);
    const context = this.lanes.getContext("2d", { alpha: false });
    context.fillStyle = COLOURS.ground;
    context.fillRect(0, 0, width, height);
    this.ruler(context, width);
    const top = RULER * devicePixelRatio, count = Math.max(1, store.targets.length);
    const lane = (height - top) / count, gap = Math.min(3 * devicePixelRatio, lane * 0.2);
    if (!store.targets.length) {
      context.fillStyle = COLOURS.empty;
      context.fillRect(0, top, width, lane);
    }
    store.targets.forEach((target, k) => this.lane(context, target, top + k * lane, lane - gap, width));
  }

  ruler(context, width) {
    const { store } = this, every = step(store.length, width / (90 * devicePixelRatio));
    context.fillStyle = "#8f8f8f";
    context.font = `${10 * devicePixelRatio}px system-ui`;
    context.textBaseline = "middle";
    for (let frame = Math.ceil(store.range[0] / every) * every; frame < store.range[1]; frame += every) {
      const across = this.x(frame, width);
      context.fillRect(across, 0, devicePixelRatio, RULER * devicePixelRatio);
      context.fillText(String(frame), across + 4 * devicePixelRatio, RULER * devicePixelRatio / 2 + 1);
    }
  }

  // One column per pixel or per frame, whichever is wider; a column shows the worst of its frames.
  lane(context, target, top, height, width) {
    const { store } = this, [first, end] = store.range, length = end - first;
    const columns = Math.min(width, length), pending = store.pending.get(target.id);
    const masks = store.masks.get(target.id);
    context.globalAlpha = target.enabled ? 1 : 0.35;
    for (let column = 0; column < columns; column++) {
      const from = first + Math.floor(column * length / columns);
      const to = Math.max(from + 1, first + Math.floor((column + 1) * length / columns));
      let least = 1, missing = false, doubtful = false;
      for (let frame = from; frame < to; frame++) {
        const mask = masks?.get(frame);
        if (!mask || pending?.[frame - first]) { missing = true; continue; }
        least = Math.min(least, mask.confidence);
        doubtful ||= doubtOf(mask) !== "";
      }
      const left = Math.floor(column * width / columns), right = Math.floor((column + 1) * width / columns);
      context.fillStyle = COLOURS.empty;
      context.fillRect(left, top, right - left, height);
      if (missing) {
        context.fillStyle = COLOURS.pending;
        for (let y = top + (left % 6); y < top + height - 1; y += 6) context.fillRect(left, y, right - left, 2);
        continue;
      }
      const high = Math.max(2, height * least);
      context.fillStyle = doubtful ? COLOURS.doubt : store.colour(target.id);
      context.fillRect(left, top + height - high, right - left, high);
    }
    context.globalAlpha = 1;
    this.locks(context, target, top, height, width);
  }

  locks(context, target, top, height, width) {
    const size = Math.min(5 * devicePixelRatio, height / 2.4);
    for (const frame of target.locked) {
      const middle = (this.x(frame, width) + this.x(frame + 1, width)) / 2, y = top + height / 2;
      context.beginPath();
      context.moveTo(middle, y - size);
      context.lineTo(middle + size, y);
      context.lineTo(middle, y + size);
      context.lineTo(middle - size, y);
      context.closePath();
      context.fillStyle = "#fff";
      context.fill();
      context.lineWidth = devicePixelRatio;
      context.strokeStyle = "#000";
      context.stroke();
    }
  }

  inOut(context, width, height) {
    const [first, end] = this.store.inOut, [start, last] = this.store.range;
    if (first === start && end === last) return;
    const left = this.x(first, width), right = this.x(end, width);
    context.fillStyle = COLOURS.outside;
    context.fillRect(0, 0, left, height);
    context.fillRect(right, 0, width - right, height);
    context.fillStyle = "#4c9be8";
    context.fillRect(left, 0, 2 * devicePixelRatio, height);
    context.fillRect(right - 2 * devicePixelRatio, 0, 2 * devicePixelRatio, height);
  }

  say() {
    const { canvas, store } = this, doubt = store.doubt(store.frame);
    canvas.setAttribute("aria-valuemin", store.range[0]);
    canvas.setAttribute("aria-valuemax", store.range[1] - 1);
    canvas.setAttribute("aria-valuenow", store.frame);
    const locked = store.targets.some((target) => target.locked.includes(store.frame));
    canvas.setAttribute("aria-valuetext", `frame ${store.frame}${locked ? ", locked" : ""}${doubt ? `, doubtful: ${doubt}` : ""}`);
  }
}

// A round number of frames between labels, so that about `wanted` of them fit.
function step(length, wanted) {
  const rough = length / Math.max(1, wanted), power = 10 ** Math.floor(Math.log10(Math.max(1, rough)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((every) => every >= rough) ?? 1;
}
