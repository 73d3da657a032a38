// Decoded frames around the playhead: the wanted one first, then those that are likely next.

const AT_ONCE = 3;
const KEPT_BYTES = 420e6;
const AHEAD = 30, BEHIND = 6;

export class Frames {
  // `address(k)` names frame k's picture, or is empty where there is none.
  constructor(range, size, address, onReady) {
    [this.first, this.end] = range;
    this.address = address;
    this.onReady = onReady;
    this.kept = Math.max(AHEAD + BEHIND, Math.floor(KEPT_BYTES / (size[0] * size[1] * 4)));
    this.pictures = new Map();
    this.loading = new Map();
    this.failed = new Map();
    this.wanted = this.first;
    this.direction = 1;
  }

  get(frame) {
    const picture = this.pictures.get(frame);
    if (picture) {  // Moved to the end: the oldest is dropped first.
      this.pictures.delete(frame);
      this.pictures.set(frame, picture);
    }
    return picture;
  }

  want(frame, direction = 1) {
    if (frame !== this.wanted) this.failed.clear();
    this.wanted = frame;
    this.direction = direction;
    for (const [other, abort] of this.loading) if (!this.near(other)) abort.abort();
    this.load();
  }

  near(frame) {
    const distance = (frame - this.wanted) * this.direction;
    return distance >= -BEHIND && distance <= AHEAD;
  }

  *order() {
    yield this.wanted;
    for (let step = 1; step <= AHEAD; step++) {
      yield this.wanted + step * this.direction;
      if (step <= BEHIND) yield this.wanted - step * this.direction;
    }
  }

  load() {
    for (const frame of this.order()) {
      // The wanted frame never waits for those that are only likely.
      if (this.loading.size >= AT_ONCE + (frame === this.wanted ? 1 : 0)) return;
      if (frame < this.first || frame >= this.end) continue;
      if (this.pictures.has(frame) || this.loading.has(frame) || this.failed.has(frame)) continue;
      this.fetch(frame);
    }
  }

  async fetch(frame) {
    const abort = new AbortController();
    this.loading.set(frame, abort);
    try {
      const response = await fetch(this.address(frame), { signal: abort.signal });
      if (!response.ok) throw new Error((await response.json()).message);
      const picture = await createImageBitmap(await response.blob());
      this.pictures.set(frame, picture);
      this.dropOld();
      this.onReady(frame);
    } catch (error) {
      if (error.name !== "AbortError") {
        this.failed.set(frame, error.message);
        this.onReady(frame);
      }
    } finally {
      this.loading.delete(frame);
      this.load();
    }
  }

  dropOld() {
    for (const [frame, picture] of this.pictures) {
      if (this.pictures.size <= this.kept) return;
      picture.close();
      this.pictures.delete(frame);
    }
  }

  retry() { this.failed.clear(); this.load(); }

  close() {
    for (const abort of this.loading.values()) abort.abort();
    for (const picture of this.pictures.values()) picture.close();
    this.pictures.clear();
    this.first = this.end = 0;
  }
}
