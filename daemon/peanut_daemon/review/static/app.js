// Puts the parts together: the daemon's state in, pictures and panels out.

import { Actions } from "./actions.js";
import { Feed } from "./feed.js";
import { Frames } from "./frames.js";
import { bindKeys, helpText } from "./keys.js";
import { Player } from "./player.js";
import { RenderPanel } from "./renders.js";
import { Store } from "./store.js";
import { Strip } from "./strip.js";
import { TargetPanel } from "./targets.js";
import { timecode } from "./timecode.js";
import { TOOLS, Tools } from "./tools.js";
import { Viewer } from "./viewer.js";

const VIEWS = [
  { id: "source", label: "Source" }, { id: "overlay", label: "Overlay" }, { id: "outline", label: "Outline" },
  { id: "matte", label: "Matte" }, { id: "cutout", label: "Cut-out" }, { id: "result", label: "Result" }, { id: "wipe", label: "Wipe" },
];
const $ = (id) => document.getElementById(id);

const store = new Store(location.pathname.split("/").at(-1));
const viewer = new Viewer($("picture"), store);
let frames = null, results = null, mattes = null;
const player = new Player(store, () => frames);
const actions = new Actions(store, player);
const strip = new Strip($("strip"), store, (frame) => { player.stop(); store.goTo(frame); });
const targets = new TargetPanel(store, actions);
const renders = new RenderPanel(store, actions);
new Tools(viewer, store, actions);

// The daemon's side.

let wasTracking = false, goOn = false;
new Feed(store.editId, {
  open() {
    store.connected = true;
    store.changed("connection");
  },
  lost() {
    // What the daemon was computing for this page when it went away is asked for again.
    goOn ||= wasTracking;
    store.connected = false;
    store.changed("connection");
  },
  state(edit) {
    store.takeState(edit);
    wasTracking = edit.tracking;
    if (goOn && !edit.tracking && edit.targets.some((target) => target.pending.length)) actions.track();
    goOn = false;
    frames?.retry();
  },
  clear(target) { store.clearMasks(target); store.changed("masks"); },
  mask(header, png) { store.takeMask(header, png); },
  masksDone() { store.changed("masks"); },
  error({ message }) { $("target-error").textContent = message; },
  gone(message) {
    store.connected = false;
    store.changed("connection");
    $("stage-error").textContent = message;
  },
});

// The page's side.

function setUp(edit) {
  const { clip } = edit;
  document.title = `${clip.name}: PEANUT review`;
  $("clip-name").textContent = clip.name;
  $("clip-name").title = clip.path;
  const rate = (clip.rate[0] / clip.rate[1]).toFixed(3).replace(/\.?0+$/, "");
  $("clip-facts").textContent = `${clip.width}×${clip.height}, ${rate} fps, frames ${edit.range[0]} to ${edit.range[1] - 1}`;
  frames = new Frames(edit.range, edit.proxy, (k) => `/api/edits/${edit.id}/frames/${k}?v=${clip.version}`, ready);
  viewer.use(frames, results, mattes);
}

function ready(frame) {
  if (frame !== store.frame && !player.playing) return;
  $("stage-error").textContent = frames.failed.get(store.frame) ?? results?.failed.get(store.frame) ?? "";
  viewer.redraw();
}

// Results and mattes are other pictures of the same frames, loaded while their view is open.
function others() {
  const { edit, ui, result } = store;
  const wantsResult = (ui.view === "result" || ui.view === "wipe") && result;
  const resultKey = wantsResult ? result.id + result.finished_at : "";
  if (resultKey !== others.result) {
    others.result = resultKey;
    results?.close();
    results = wantsResult ? new Frames(edit.range, edit.proxy, (k) => `/api/edits/${edit.id}/jobs/${result.id}/frames/${k}?at=${result.finished_at}`, ready) : null;
  }
  const enabled = edit.targets.map((target) => target.enabled);
  const matteKey = ui.view === "matte" ? JSON.stringify([ui.grow, ui.feather, ui.refine, enabled, store.stamp]) : "";
  if (matteKey !== others.matte) {
    others.matte = matteKey;
    mattes?.close();
    mattes = matteKey ? new Frames(edit.range, edit.proxy, (k) => `/api/edits/${edit.id}/matte/${k}?grow=${ui.grow}&feather=${ui.feather}&refine=${ui.refine}`, ready) : null;
  }
  viewer.use(frames, results, mattes);
  results?.want(store.frame, Math.sign(player.speed) || 1);
  mattes?.want(store.frame, Math.sign(player.speed) || 1);
}

function look() {
  const { edit, frame, ui } = store;
  if (!edit) return;
  frames.want(frame, Math.sign(player.speed) || 1);
  others();
  $("timecode").textContent = timecode(edit.clip.start + frame, edit.clip.rate, edit.clip.drop_frame);
  $("frame-number").textContent = `frame ${frame}`;
  const confidences = store.targets.filter((target) => target.enabled).map((target) => store.mask(target.id, frame)?.confidence).filter((value) => value !== undefined);
  const doubt = store.doubt(frame);
  $("doubt").className = doubt ? "doubtful" : "dim";
  $("doubt").textContent = doubt || (confidences.length && ui.view !== "result" ? `confidence ${Math.round(Math.min(...confidences) * 100)}%` : "");
  viewer.redraw();
}

function chrome() {
  const { ui } = store;
  for (const button of $("views").children) {
    button.setAttribute("aria-checked", button.dataset.view === ui.view);
    button.disabled = (button.dataset.view === "result" || button.dataset.view === "wipe") && !store.result;
  }
  for (const button of $("tools").querySelectorAll("button")) button.setAttribute("aria-checked", button.dataset.tool === ui.tool);
  $("brush-size").hidden = ui.tool !== "brush" && ui.tool !== "eraser";
  $("brush-size").value = ui.brush;
  $("picture").style.cursor = { hand: "grab", brush: "none", eraser: "none" }[ui.tool] ?? "crosshair";
  $("loop").setAttribute("aria-pressed", ui.loop);
  $("play").textContent = player.playing ? "❚❚" : "▶";
  $("play").setAttribute("aria-label", player.playing ? "Stop" : "Play");
  $("connection").classList.toggle("on", store.connected);
  $("connection").textContent = store.connected ? "connected" : "reconnecting";
  rate();
}

function rate() {
  if (!store.edit) return;
  const [num, den] = store.edit.clip.rate, wanted = num / den * Math.abs(player.speed || 1);
  const shown = player.playing ? player.shown.rate : null;
  $("rate").textContent = `${shown === null || shown === undefined ? wanted.toFixed(wanted % 1 ? 2 : 0) : shown.toFixed(0)} fps`;
  $("rate").classList.toggle("slow", shown !== null && shown !== undefined && shown < 0.9 * Math.min(60, wanted));
}

store.addEventListener("change", ({ detail }) => {
  if (detail === "rate") return rate();
  if (detail === "state" && !frames) setUp(store.edit);
  if (!store.edit) return chrome();
  if ((store.ui.view === "result" || store.ui.view === "wipe") && !store.result) store.ui.view = "overlay";
  look();
  if (detail === "frame") {
    targets.state();
    strip.redraw(false);
  } else {
    chrome();
    targets.redraw();
    renders.redraw();
    strip.redraw();
  }
  return undefined;
});

// Buttons.

function radio(host, entries, chosen) {
  host.append(...entries.map(({ name, id, label, title, icon }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset[name] = id;
    button.setAttribute("role", "radio");
    button.title = title;
    if (icon) {
      button.setAttribute("aria-label", label);
      button.append(drawn(icon));
    } else button.textContent = label;
    button.onclick = () => chosen(id);
    return button;
  }));
}

function drawn(path) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg"), line = document.createElementNS(space, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

radio($("views"), VIEWS.map((view, k) => ({ ...view, name: "view", title: `${view.label} (${k + 1})` })), (id) => actions.view(id));
radio($("tools"), TOOLS.map((tool) => ({ ...tool, name: "tool", title: `${tool.label} (${tool.key})` })), (id) => store.set({ tool: id }));
const size = Object.assign(document.createElement("input"), { id: "brush-size", type: "range", min: 2, max: 200, title: "Brush size ([ ])", ariaLabel: "Brush size" });
size.oninput = () => store.set({ brush: Number(size.value) });
$("tools").append(size);

const clicks = {
  play: () => player.toggle(), back: () => { player.stop(); store.goTo(store.frame - 1); }, forward: () => { player.stop(); store.goTo(store.frame + 1); },
  "to-in": () => { player.stop(); store.goTo(store.inOut[0]); }, "to-out": () => { player.stop(); store.goTo(store.inOut[1] - 1); },
  loop: () => actions.toggleLoop(), "set-in": () => actions.setIn(), "set-out": () => actions.setOut(), "clear-in-out": () => actions.clearInOut(),
  "doubt-before": () => actions.toDoubt(-1), "doubt-next": () => actions.toDoubt(1),
  "zoom-in": () => viewer.zoomAt(1.25), "zoom-out": () => viewer.zoomAt(0.8), "zoom-fit": () => viewer.fit(),
};
for (const [id, action] of Object.entries(clicks)) $(id).onclick = () => store.edit && action();

const help = helpText(TOOLS, VIEWS);
$("help").append(...help.parts);
const toggleHelp = () => ($("help").open ? $("help").close() : $("help").showModal());
help.close.onclick = () => $("help").close();
$("help").onclick = (event) => { if (event.target === $("help")) $("help").close(); };
$("help").onkeydown = (event) => { if (event.key === "?") $("help").close(); };
$("help-open").onclick = toggleHelp;

bindKeys({ store, player, viewer, actions, tools: TOOLS, views: VIEWS, toggleHelp });
addEventListener("pagehide", () => store.save());
chrome();
