// Approval and renders.

const $ = (id) => document.getElementById(id);
const SUFFIX = { ffv1: ".mkv", prores_hq: ".mov", prores_4444: ".mov", h264: ".mp4" };
const ALPHA = ["ffv1", "prores_4444"];
const WORDS = { queued: "waits", running: "runs", succeeded: "done", failed: "failed", cancelled: "cancelled" };
const STAGES = { plate: "background", upscale: "upscaling", encode: "writing" };

export class RenderPanel {
  constructor(store, actions) {
    this.store = store;
    this.actions = actions;
    for (const name of ["grow", "feather", "refine"]) {
      $(name).onchange = () => {
        const value = Math.min($(name).max, Math.max(0, Math.round(Number($(name).value) || 0)));
        $(name).value = value;
        store.set({ [name]: value });
      };
    }
    $("approve").onclick = () => actions.approve();
    $("deliverable").onchange = () => { store.set({ deliverable: $("deliverable").value }); this.suitCodec(); };
    $("codec").onchange = () => { store.set({ codec: $("codec").value }); this.suitPath(); };
    $("path").onchange = () => store.set({ path: $("path").value.trim() });
    $("render").onclick = () => actions.render({
      deliverable: store.ui.deliverable, codec: store.ui.codec, path: $("path").value.trim(), overwrite: $("overwrite").checked,
    });
  }

  // A patch needs a codec with alpha.
  suitCodec() {
    const patch = this.store.ui.deliverable === "patch";
    for (const option of $("codec").options) option.disabled = patch && !ALPHA.includes(option.value);
    if (patch && !ALPHA.includes(this.store.ui.codec)) this.store.set({ codec: "ffv1" });
    this.suitPath();
  }

  suitPath() {
    const { store } = this, clip = store.edit.clip.path;
    const stem = (store.ui.path || clip.replace(/\.[^./\\]*$/, ".clean")).replace(/\.(mkv|mov|mp4)$/i, "");
    store.set({ path: stem + SUFFIX[store.ui.codec] });
  }

  redraw() {
    const { store } = this;
    if (!store.edit) return;
    if (!store.ui.path) this.suitCodec();
    for (const name of ["grow", "feather", "refine", "deliverable", "codec", "path"]) {
      if (document.activeElement !== $(name)) $(name).value = store.ui[name];
    }
    this.approval();
    $("render").disabled = !store.edit.approval;
    this.jobs();
  }

  approval() {
    const { store } = this, { approval } = store.edit;
    const counted = store.targets.filter((target) => target.enabled);
    const left = counted.reduce((sum, target) => sum + store.pendingFrames(target.id), 0);
    const as = approval && approval.grow_px === store.ui.grow && approval.feather_px === store.ui.feather && approval.refine_px === store.ui.refine;
    $("approve").disabled = !counted.length || left > 0 || Boolean(as);
    $("approval").className = approval ? "approved" : "dim";
    if (approval) {
      const hash = Object.assign(document.createElement("code"), { textContent: approval.hash.slice(0, 16), title: approval.hash });
      $("approval").replaceChildren(`Approved: grown ${approval.grow_px} px, feather ${approval.feather_px} px, refined by ${approval.refine_px} px, `, hash);
    } else if (!counted.length) $("approval").textContent = "Nothing to approve yet.";
    else if (left) $("approval").textContent = `${left} masks are still to be computed.`;
    else $("approval").textContent = "Every frame has its mask: look them over, then approve.";
  }

  jobs() {
    const { jobs } = this.store.edit, list = $("jobs");
    const looking = this.shown;
    this.shown = true;
    const known = new Map([...list.children].map((item) => [item.dataset.job, item]));
    const items = jobs.map((job) => {
      const item = known.get(job.id) ?? this.item(job);
      this.show(item, job);
      return item;
    });
    if (items.length === list.children.length && items.every((item, k) => item === list.children[k])) return;
    list.replaceChildren(...items);
    if (looking && items.length > known.size) list.scrollIntoView({ block: "nearest" });
  }

  item(job) {
    const item = document.createElement("li");
    item.className = "job";
    item.dataset.job = job.id;
    const make = (tag, values) => Object.assign(document.createElement(tag), values);
    const line = make("div", { className: "line" }), links = make("div", { className: "line links" });
    const cancel = make("button", { className: "cancel", textContent: "Cancel" });
    cancel.onclick = () => this.actions.cancel(job.id);
    const resume = make("button", { className: "resume", textContent: "Resume" });
    resume.onclick = () => this.actions.resume(job.id);
    line.append(make("span", { className: "what" }), make("span", { className: "state dim", role: "status" }), cancel, resume);
    const compare = make("button", { className: "compare", textContent: "Compare" });
    compare.onclick = () => this.store.set({ job: job.id, view: "wipe" });
    const link = (name, text) => make("a", { href: `/api/edits/${this.store.editId}/jobs/${job.id}/${name}`, target: "_blank", textContent: text });
    links.append(compare, link("report", "Report"), link("sheet", "Contact sheet"));
    item.append(line, make("progress", { ariaLabel: "Progress of the render" }), make("p", { className: "error" }), links);
    return item;
  }

  show(item, job) {
    const part = (selector) => item.querySelector(selector);
    const running = job.state === "queued" || job.state === "running";
    part(".what").textContent = job.path.split(/[/\\]/).at(-1);
    part(".what").title = job.path;
    const share = job.total ? ` ${Math.floor(job.done / job.total * 100)}%` : "";
    part(".state").textContent = job.state === "running" ? `${STAGES[job.stage] ?? "starts"}${share}` : WORDS[job.state];
    part(".cancel").hidden = !running;
    part(".resume").hidden = job.state !== "failed" && job.state !== "cancelled";
    part("progress").hidden = !running;
    part("progress").max = Math.max(1, job.total);
    part("progress").value = job.done;
    part(".error").textContent = job.error?.message ?? "";
    part(".links").hidden = job.state !== "succeeded";
  }
}
