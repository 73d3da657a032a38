// The list of targets, and what can be done to the active one.

const $ = (id) => document.getElementById(id);

export class TargetPanel {
  constructor(store, actions) {
    this.store = store;
    this.actions = actions;
    $("target-new").onclick = () => actions.newTarget();
    $("say").onsubmit = (event) => {
      event.preventDefault();
      const text = $("words").value.trim();
      if (text) actions.say({ kind: "text", frame: store.frame, text });
    };
    $("undo").onclick = () => actions.undo(false);
    $("redo").onclick = () => actions.undo(true);
    $("clear").onclick = () => actions.clearFrame();
    $("track").onclick = () => actions.track();
    $("stop").onclick = () => actions.stop();
  }

  redraw() {
    this.list();
    this.state();
  }

  list() {
    const { store } = this, list = $("targets");
    const wanted = [...store.targets];
    if (store.ui.target && !store.target) wanted.push({ id: store.ui.target, name: "", enabled: true, mask_frames: 0, fresh: true });
    const key = JSON.stringify([wanted.map(({ id, name, enabled, fresh }) => [id, name, enabled, fresh, store.colour(id)]), store.ui.target]);
    if (this.listed !== key && !list.contains(document.activeElement?.closest("input[type=text]"))) {
      this.listed = key;
      list.replaceChildren(...wanted.map((target) => this.row(target)));
    }
    for (const target of wanted) {
      const share = list.querySelector(`[data-target="${CSS.escape(target.id)}"] .share`);
      const done = target.fresh ? 0 : store.length - store.pendingFrames(target.id);
      if (share) share.textContent = target.fresh ? "new" : done < store.length ? `${Math.floor(done / store.length * 100)}%` : "";
    }
  }

  row(target) {
    const { store, actions } = this, row = document.createElement("li");
    row.className = `target${target.id === store.ui.target ? " active" : ""}${target.enabled ? "" : " off"}`;
    row.dataset.target = target.id;
    const title = target.name || `Target ${target.id}`;
    const input = (type, label, values) => Object.assign(document.createElement("input"), { type, ariaLabel: label, title: label, ...values });
    const colour = input("color", `Colour of ${title}`, { value: store.colour(target.id) });
    colour.onchange = () => store.set({ colours: { ...store.ui.colours, [target.id]: colour.value } });
    const name = input("text", `Name of ${title}`, { value: target.name, placeholder: title, disabled: Boolean(target.fresh) });
    name.onfocus = () => this.choose(target.id, row);
    name.onchange = () => { actions.setTarget(target.id, { name: name.value.trim() }); name.blur(); };
    name.onkeydown = (event) => { if (event.key === "Enter" || event.key === "Escape") name.blur(); };
    name.onblur = () => this.redraw();
    const share = Object.assign(document.createElement("span"), { className: "share" });
    const on = input("checkbox", `${title} counts for the matte`, { checked: target.enabled, disabled: Boolean(target.fresh) });
    on.onchange = () => actions.setTarget(target.id, { enabled: on.checked });
    const gone = Object.assign(document.createElement("button"), { className: "plain", textContent: "×", ariaLabel: `Remove ${title}`, title: `Remove ${title}` });
    gone.onclick = (event) => { event.stopPropagation(); actions.removeTarget(target); };
    row.append(colour, name, share, on, gone);
    row.onclick = (event) => { if (event.target === row || event.target === share) this.choose(target.id, row); };
    return row;
  }

  choose(id, row) {
    if (this.store.ui.target === id) return;
    for (const other of $("targets").children) other.classList.toggle("active", other === row);
    this.store.set({ target: id });
  }

  state() {
    const { store } = this, target = store.target;
    $("undo").disabled = !target;
    $("redo").disabled = !target || target.revision >= target.last_revision;
    const here = (target?.prompts ?? []).filter((prompt) => prompt.kind !== "text" && prompt.frame === store.frame);
    $("clear").disabled = !here.length;
    $("frame-said").textContent = target ? said(target, here, store.frame) : "";
    const words = target?.prompts.find((prompt) => prompt.kind === "text")?.text ?? "";
    if (document.activeElement !== $("words") && this.words !== `${target?.id}/${words}`) {
      this.words = `${target?.id}/${words}`;
      $("words").value = words;
    }
    this.progress();
  }

  progress() {
    const { store } = this, total = store.length * store.targets.length;
    const left = store.targets.reduce((sum, target) => sum + store.pendingFrames(target.id), 0);
    $("tracking").hidden = !left && !store.edit?.tracking;
    $("tracked").max = Math.max(1, total);
    $("tracked").value = total - left;
    $("tracked-text").textContent = `${total - left} / ${total} masks`;
    $("track").hidden = !left || store.edit?.tracking;
    $("stop").hidden = !store.edit?.tracking;
  }
}

function said(target, here, frame) {
  const count = (kind) => here.filter((prompt) => prompt.kind === kind).length;
  const parts = [["point", "click"], ["box", "box"], ["mask", "painted mask"]]
    .filter(([kind]) => count(kind))
    .map(([kind, word]) => `${count(kind)} ${word}${count(kind) > 1 ? (word === "box" ? "es" : "s") : ""}`);
  const locked = target.locked.includes(frame) ? ", locked" : "";
  return parts.length ? `Frame ${frame}: ${parts.join(", ")}${locked}` : `Frame ${frame}: nothing said here`;
}
