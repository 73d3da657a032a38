// What the page knows: the edit and its masks as the daemon told them, and what is the page's own.

const PALETTE = ["#ff5d5d", "#58c470", "#f2c14e", "#b18cff", "#4fc3d9", "#ff9d5c", "#ff7fbf", "#a3b86c"];
const SAVE_AFTER_MS = 300;
// Below this a mask is more likely wrong than right, whether its model has words for it or not.
const DOUBTFUL_BELOW = 0.5;

export function doubtOf(mask) {
  if (!mask) return "";
  return mask.doubt || (mask.confidence < DOUBTFUL_BELOW ? `confidence only ${Math.round(mask.confidence * 100)}%` : "");
}

export class Store extends EventTarget {
  constructor(editId) {
    super();
    this.editId = editId;
    this.edit = null;
    this.masks = new Map();       // target -> Map(frame -> {png, confidence, doubt, stamp})
    this.pending = new Map();     // target -> Uint8Array over the range
    this.stamp = 0;
    this.connected = false;
    this.hopes = [];              // prompts that the daemon has not confirmed yet
    this.ui = { view: "overlay", tool: "point", target: "", loop: false, brush: 24, grow: 4, feather: 2, refine: 0,
      deliverable: "full", codec: "ffv1", path: "", job: "", wipe: 0.5, colours: {}, in: null, out: null };
    this.frame = 0;
    this.restore();
  }

  changed(what) { this.dispatchEvent(new CustomEvent("change", { detail: what })); }

  // The edit.

  get range() { return this.edit?.range ?? [0, 1]; }
  get length() { return this.range[1] - this.range[0]; }
  get targets() { return this.edit?.targets ?? []; }
  get target() { return this.targets.find((target) => target.id === this.ui.target) ?? null; }
  get inOut() {
    const [first, end] = this.range;
    return [Math.max(first, this.ui.in ?? first), Math.min(end, this.ui.out ?? end)];
  }

  takeState(edit) {
    const known = new Set(this.targets.map((target) => target.id));
    this.edit = edit;
    this.pending = new Map(edit.targets.map(({ id, pending }) => {
      const flags = new Uint8Array(this.length);
      for (const [start, end] of pending) flags.fill(1, start - this.range[0], end - this.range[0]);
      return [id, flags];
    }));
    for (const id of [...this.masks.keys()]) if (!this.pending.has(id)) this.masks.delete(id);
    this.hopes = this.hopes.filter((hope) => !this.confirmed(hope));
    const wanted = this.ui.target;
    const own = edit.targets.some((target) => target.id === wanted);
    if (!own && (known.has(wanted) || !wanted)) this.ui.target = edit.targets.at(-1)?.id ?? "";
    this.frame = Math.min(this.range[1] - 1, Math.max(this.range[0], this.frame));
    this.changed("state");
  }

  confirmed(hope) {
    const target = this.targets.find((one) => one.id === hope.target);
    return Boolean(target) && target.revision !== hope.revision;
  }

  takeMask(header, png) {
    const { target, frame, confidence, doubt } = header;
    if (!this.masks.has(target)) this.masks.set(target, new Map());
    this.masks.get(target).set(frame, { png, confidence, doubt, stamp: ++this.stamp });
    const pending = this.pending.get(target);
    if (pending) pending[frame - this.range[0]] = 0;
  }

  clearMasks(target) {
    if (target) this.masks.delete(target);
    else this.masks.clear();
    this.stamp += 1;
  }

  mask(target, frame) { return this.masks.get(target)?.get(frame) ?? null; }
  isPending(target, frame) { return Boolean(this.pending.get(target)?.[frame - this.range[0]]); }
  pendingFrames(target) { return this.pending.get(target)?.reduce((sum, flag) => sum + flag, 0) ?? 0; }

  // Why a frame should be looked at; empty where there is no reason.
  doubt(frame) {
    return this.targets
      .filter((target) => target.enabled)
      .map((target) => doubtOf(this.mask(target.id, frame)))
      .filter(Boolean).join("; ");
  }

  colour(id) {
    const place = this.targets.findIndex((target) => target.id === id);
    return this.ui.colours[id] ?? PALETTE[(place < 0 ? this.targets.length : place) % PALETTE.length];
  }

  newTargetId() {
    const numbers = this.targets.map((target) => Number(target.id)).filter(Number.isInteger);
    return String(Math.max(0, ...numbers) + 1);
  }

  // Results that can be shown, newest first, and the one that is.
  get results() { return (this.edit?.jobs ?? []).filter((job) => job.state === "succeeded"); }
  get result() { return this.results.find((job) => job.id === this.ui.job) ?? this.results[0] ?? null; }

  // The page's own state: in the address what one would send to a colleague, the rest in the browser.

  set(values) {
    Object.assign(this.ui, values);
    this.saveSoon();
    this.changed("ui");
  }

  goTo(frame) {
    const [first, end] = this.range;
    const wanted = Math.min(end - 1, Math.max(first, Math.round(frame)));
    if (wanted === this.frame) return;
    this.frame = wanted;
    this.saveSoon();
    this.changed("frame");
  }

  restore() {
    try {
      const { frame = 0, ...ui } = JSON.parse(localStorage.getItem(this.key) ?? "{}");
      Object.assign(this.ui, ui);
      this.frame = Number(frame) || 0;
    } catch { /* written by another version: the defaults do */ }
    // A reload takes the address as it was when the key was pressed: what was kept is newer.
    if (performance.getEntriesByType("navigation")[0]?.type === "reload") return;
    const address = new URLSearchParams(location.hash.slice(1));
    this.frame = Number(address.get("frame") ?? this.frame) || 0;
    this.ui.view = address.get("view") ?? this.ui.view;
    this.ui.target = address.get("target") ?? this.ui.target;
  }

  get key() { return `peanut-review:${this.editId}`; }

  saveSoon() {
    clearTimeout(this.saving);
    this.saving = setTimeout(() => this.save(), SAVE_AFTER_MS);
  }

  save() {
    clearTimeout(this.saving);
    localStorage.setItem(this.key, JSON.stringify({ ...this.ui, frame: this.frame }));
    const { view, target } = this.ui;
    history.replaceState(null, "", `#${new URLSearchParams({ frame: this.frame, view, target })}`);
  }
}
