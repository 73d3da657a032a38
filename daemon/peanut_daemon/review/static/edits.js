// The list of all edits.
import { ask } from "./api.js";

const say = document.getElementById("say");
try {
  const { edits } = await ask("GET", "/api/edits");
  say.textContent = edits.length ? "" : "There is no edit yet: `peanut review CLIP` makes one.";
  document.getElementById("edits").append(...edits.map(line));
} catch (error) {
  say.textContent = error.message;
}

function line(edit) {
  const item = document.createElement("li"), link = document.createElement("a");
  link.href = `/edits/${edit.id}`;
  const facts = [
    edit.clip,
    `frames ${edit.range[0]} to ${edit.range[1] - 1}`,
    edit.approved ? "approved" : edit.targets.length ? "in work" : "new",
  ];
  link.append(...facts.map((text, k) => {
    const part = document.createElement("span");
    part.textContent = text;
    part.className = k ? "dim" : "";
    return part;
  }));
  item.append(link);
  return item;
}
