// Faces: initials on a colour of their own; the bot has a drawing.

import { h, svg } from "./dom.js";
import { person, state } from "./store.js";

const COLOURS = ["#2f7d6b", "#b0562f", "#4b5fc0", "#8b3f8f", "#3a7ca5", "#a23b56", "#5f7a2f", "#7a5c3a"];

/** By place in the workspace, so that no two people of a small team look alike. */
function colourOf(id) {
  const index = (state.workspace?.people ?? []).findIndex((one) => one.id === id);
  return COLOURS[Math.max(0, index) % COLOURS.length];
}

export function avatar(id, size = "") {
  const who = person(id);
  if (who?.is_bot) return h("span", { class: `avatar bot ${size}`, "aria-hidden": "true" }, robot());
  const name = who?.real_name ?? id ?? "?";
  const initials = name.split(/\s+/).slice(0, 2).map((word) => [...word][0] ?? "").join("").toUpperCase();
  return h("span", { class: `avatar ${size}`, "aria-hidden": "true", style: { "--face": colourOf(id) } }, initials);
}

function robot() {
  return svg(
    "svg",
    { viewBox: "0 0 32 32" },
    svg("path", { d: "M16 5.5l9.1 5.250v10.5L16 26.5l-9.1-5.250v-10.5z", fill: "none", stroke: "#fff", "stroke-width": 2 }),
    svg("path", { d: "M16 21.5v-9.5m-4.2 4.2 4.2-4.2 4.2 4.2", fill: "none", stroke: "#7ce0b8", "stroke-width": 2.4, "stroke-linecap": "round", "stroke-linejoin": "round" }),
  );
}
