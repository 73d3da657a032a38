// What buttons, keys and tools do. Refusals are shown where the action was.

import { ask } from "./api.js";

const $ = (id) => document.getElementById(id);

export class Actions {
  constructor(store, player) {
    this.store = store;
    this.player = player;
    this.base = `/api/edits/${store.editId}`;
  }

  async call(place, method, path, body) {
    $(place).textContent = "";
    try {
      return await ask(method, `${this.base}/${path}`, body);
    } catch (error) {
      $(place).textContent = error.message;
      $(place).scrollIntoView({ block: "nearest" });
      return null;
    }
  }

  targetPath(id, rest = "") { return `targets/${encodeURIComponent(id)}${rest}`; }

  // Say something of the active target; one that is new is made by it.
  async say(prompt, id = this.store.ui.target || this.newTarget()) {
    const { store } = this;
    this.player.stop();
    const hope = { ...prompt, target: id, revision: store.targets.find((target) => target.id === id)?.revision };
    store.hopes.push(hope);
    store.changed("hopes");
    const done = await this.call("target-error", "POST", this.targetPath(id, "/prompts"), { prompt });
    if (!done) store.hopes = store.hopes.filter((other) => other !== hope);
    store.changed("hopes");
  }

  newTarget() {
    const id = this.store.newTargetId();
    this.store.set({ target: id });
    return id;
  }

  setTarget(id, values) { return this.call("target-error", "POST", this.targetPath(id), values); }

  removeTarget({ id, name, fresh }) {
    if (fresh) this.store.set({ target: this.store.targets.at(-1)?.id ?? "" });
    else if (confirm(`Remove ${name || `target ${id}`} with its masks?`)) this.call("target-error", "DELETE", this.targetPath(id));
  }

  undo(redo) {
    const { target, frame } = this.store;
    if (target) this.call("target-error", "POST", this.targetPath(target.id, "/undo"), { redo, frame });
  }

  clearFrame() {
    const { target, frame } = this.store;
    if (target?.prompts.some((prompt) => prompt.frame === frame && prompt.kind !== "text")) {
      this.call("target-error", "POST", this.targetPath(target.id, "/clear"), { frame });
    }
  }

  track() { this.call("target-error", "POST", "track", { frame: this.store.frame }); }
  stop() { this.call("target-error", "POST", "stop", {}); }

  approve() {
    const { grow, feather, refine } = this.store.ui;
    this.call("matte-error", "POST", "approve", { grow, feather, refine });
  }

  render(settings) { this.call("render-error", "POST", "renders", settings); }
  cancel(job) { this.call("render-error", "POST", `jobs/${job}/cancel`, {}); }
  resume(job) { this.call("render-error", "POST", `jobs/${job}/resume`, {}); }

  view(id) {
    if ((id === "result" || id === "wipe") && !this.store.result) return;
    this.store.set({ view: id });
  }

  setIn() { if (this.store.frame < this.store.inOut[1]) this.store.set({ in: this.store.frame }); }
  setOut() { if (this.store.frame >= this.store.inOut[0]) this.store.set({ out: this.store.frame + 1 }); }
  clearInOut() { this.store.set({ in: null, out: null }); }
  toggleLoop() { this.store.set({ loop: !this.store.ui.loop }); }
  brush(factor) { this.store.set({ brush: Math.min(400, Math.max(2, Math.round(this.store.ui.brush * factor))) }); }

  toDoubt(direction) {
    const { store } = this, [first, end] = store.range;
    this.player.stop();
    for (let frame = store.frame + direction; frame >= first && frame < end; frame += direction) {
      if (store.doubt(frame)) return store.goTo(frame);
    }
    return undefined;
  }
}
