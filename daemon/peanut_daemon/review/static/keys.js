// The keyboard, as in an NLE, and the overlay that shows it.

export function bindKeys({ store, player, viewer, actions, tools, views, toggleHelp }) {
  const step = (by) => { player.stop(); store.goTo(store.frame + by); };
  const keys = {
    " ": () => player.toggle(), j: () => player.shuttle(-1), k: () => player.stop(), l: () => player.shuttle(1),
    ArrowLeft: () => step(-1), ArrowRight: () => step(1),
    "Shift+ArrowLeft": () => step(-10), "Shift+ArrowRight": () => step(10),
    Home: () => { player.stop(); store.goTo(store.inOut[0]); }, End: () => { player.stop(); store.goTo(store.inOut[1] - 1); },
    i: () => actions.setIn(), o: () => actions.setOut(), x: () => actions.clearInOut(), r: () => actions.toggleLoop(),
    d: () => actions.toDoubt(1), "Shift+D": () => actions.toDoubt(-1),
    z: () => actions.undo(false), "Shift+Z": () => actions.undo(true),
    "Ctrl+z": () => actions.undo(false), "Ctrl+Shift+Z": () => actions.undo(true), "Ctrl+y": () => actions.undo(true),
    Delete: () => actions.clearFrame(), Backspace: () => actions.clearFrame(),
    n: () => actions.newTarget(), Tab: null,
    "+": () => viewer.zoomAt(1.25), "=": () => viewer.zoomAt(1.25), "-": () => viewer.zoomAt(0.8), f: () => viewer.fit(),
    "[": () => actions.brush(0.8), "]": () => actions.brush(1.25),
    "?": toggleHelp,
  };
  tools.forEach(({ id, key }) => { keys[key.toLowerCase()] = () => store.set({ tool: id }); });
  views.forEach(({ id }, k) => { keys[String(k + 1)] = () => actions.view(id); });

  addEventListener("keydown", (event) => {
    const { target } = event;
    // Text is typed; a focused button or list has its own use for these keys.
    if (target.matches?.("input[type=text], input[type=number], select, textarea") || target.closest?.("dialog")) return;
    if (event.altKey || (event.key === " " && target.matches?.("button, input, a"))) return;
    const control = event.ctrlKey || event.metaKey;
    const shift = event.shiftKey && event.key !== "?" && event.key !== "+";
    const letter = shift && event.key.length === 1 ? event.key.toUpperCase() : event.key;
    const key = event.key.length === 1 && !shift ? letter.toLowerCase() : letter;
    const name = `${control ? "Ctrl+" : ""}${shift ? "Shift+" : ""}${key}`;
    if (!keys[name] || !store.edit) return;
    event.preventDefault();
    keys[name]();
  });
}

export function helpText(tools, views) {
  const groups = [
    ["Playing", [["Space", "play, stop"], ["J K L", "backwards, stop, forwards; again: faster"], ["← →", "one frame; with Shift ten"],
      ["Home End", "in point, out point"], ["I O X", "set in, set out, the whole range"], ["R", "loop"], ["D, Shift+D", "next, former doubtful frame"]]],
    ["Saying what must go", [["Click", "on the object"], ["Alt+click", "on what must stay"], ["Drag", "a box around it"],
      ["N", "a further target"], ["Z, Shift+Z", "undo, redo"], ["Delete", "take back what was said on this frame"], ["[ ]", "smaller, larger brush"]]],
    ["Tools", tools.map(({ key, label }) => [key, label.toLowerCase()])],
    ["Views", views.map(({ label }, k) => [String(k + 1), label.toLowerCase()])],
    ["Picture", [["Wheel, + −", "zoom"], ["Middle button", "move"], ["F", "fit"], ["?", "this help"]]],
  ];
  const make = (tag, text) => Object.assign(document.createElement(tag), { textContent: text ?? "" });
  const columns = make("div");
  columns.className = "columns";
  for (const [title, rows] of groups) {
    const list = make("dl"), head = make("h3", title);
    for (const [key, what] of rows) list.append(make("dt", key), make("dd", what));
    const block = make("div");
    block.append(head, list);
    columns.append(block);
  }
  const close = make("button", "Close");
  close.className = "main";
  const parts = [make("h2", "Keys"), columns, close];
  return { parts, close };
}
