// Playing at the clip's rate: the clock decides which frame is shown, so a slow machine leaves
// frames out and never slows down.

const SPEEDS = [1, 2, 4, 8];
const MEASURE_MS = 500;

export class Player {
  constructor(store, frames) {
    this.store = store;
    this.frames = frames;         // says whether a frame can be shown
    this.speed = 0;               // negative: backwards
  }

  get playing() { return this.speed !== 0; }

  toggle() { if (this.playing) this.stop(); else this.play(1); }

  // J and L: once starts, again doubles, the other way starts afresh.
  shuttle(direction) {
    const now = Math.abs(this.speed) * (Math.sign(this.speed) === direction ? 1 : 0);
    this.play(direction * (SPEEDS[SPEEDS.indexOf(now) + 1] ?? SPEEDS.at(-1)));
  }

  play(speed) {
    const [first, end] = this.store.inOut;
    this.speed = speed;
    if (speed > 0 && (this.store.frame >= end - 1 || this.store.frame < first)) this.store.goTo(first);
    if (speed < 0 && (this.store.frame <= first || this.store.frame >= end)) this.store.goTo(end - 1);
    this.start();
    this.store.changed("playing");
  }

  stop() {
    if (!this.playing) return;
    this.speed = 0;
    cancelAnimationFrame(this.tick);
    this.store.changed("playing");
  }

  start() {
    cancelAnimationFrame(this.tick);
    this.from = this.store.frame;
    this.since = null;
    this.shown = { count: 0, since: performance.now(), rate: null };
    this.tick = requestAnimationFrame((now) => this.step(now));
  }

  step(now) {
    if (!this.playing) return;
    this.since ??= now;
    const [num, den] = this.store.edit.clip.rate, [first, end] = this.store.inOut;
    let wanted = this.from + Math.trunc((now - this.since) / 1000 * (num / den) * this.speed);
    if (wanted >= end || wanted < first) {
      if (!this.store.ui.loop) {
        this.store.goTo(this.speed > 0 ? end - 1 : first);
        this.stop();
        return;
      }
      this.store.goTo(this.speed > 0 ? first : end - 1);
      this.start();
      return;
    }
    if (wanted !== this.store.frame) {
      if (this.frames().get(wanted)) {
        this.shown.count += 1;
        this.store.goTo(wanted);
      } else {
        this.frames().want(wanted + Math.sign(this.speed), Math.sign(this.speed));
      }
    }
    this.measure(now);
    this.tick = requestAnimationFrame((later) => this.step(later));
  }

  measure(now) {
    const passed = now - this.shown.since;
    if (passed < MEASURE_MS) return;
    this.shown = { count: 0, since: now, rate: this.shown.count / passed * 1000 };
    this.store.changed("rate");
  }
}
