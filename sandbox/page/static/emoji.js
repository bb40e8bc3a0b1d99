// Emoji as small drawings of our own, so that they look the same on a machine that has no emoji font.

import { h, svg } from "./dom.js";

const NAMES = {
  white_check_mark: "✅", heavy_check_mark: "✅", x: "❌", no_entry: "⛔", no_entry_sign: "⛔", warning: "⚠️",
  arrows_counterclockwise: "🔄", hourglass_flowing_sand: "⏳", hourglass: "⏳", clock3: "🕒", white_large_square: "⬜",
  double_vertical_bar: "⏸️", pause_button: "⏸️", black_square_for_stop: "⏹️", stop_button: "⏹️", raised_hand: "✋",
  hand: "✋", mag: "🔎", mag_right: "🔎", grey_question: "❔", question: "❔", rocket: "🚀", tada: "🎉", eyes: "👀",
  thumbsup: "👍", "+1": "👍", thumbsdown: "👎", "-1": "👎", wave: "👋", heart: "❤️", bell: "🔔", mega: "📣", arrow_forward: "▶", lock: "🔒",
  memo: "📝", link: "🔗", wrench: "🔧", gear: "⚙️", fire: "🔥", bulb: "💡", point_right: "👉", robot_face: "🤖",
  information_source: "ℹ️", rotating_light: "🚨", construction: "🚧", calendar: "📅", repeat: "🔁", sos: "🆘", pager: "📟",
  large_green_circle: "🟢", large_yellow_circle: "🟡", red_circle: "🔴", large_blue_circle: "🔵", smile: "😄",
};

const disc = (fill) => ["circle", { cx: 10, cy: 10, r: 9, fill }];
const tile = (fill, stroke) => ["rect", { x: 1.5, y: 1.5, width: 17, height: 17, rx: 4, fill, stroke, "stroke-width": stroke ? 1.5 : 0 }];
const line = (d, stroke = "#fff", width = 2.2) => [
  "path", { d, fill: "none", stroke, "stroke-width": width, "stroke-linecap": "round", "stroke-linejoin": "round" },
];
const shape = (d, fill) => ["path", { d, fill }];
const mark = (text, fill) => ["text", { x: 10, y: 14.6, "text-anchor": "middle", "font-size": 13, "font-weight": 800, fill }, text];

const DRAWINGS = {
  "✅": [tile("#2bac76"), line("M5.5 10.5l3 3 6-7")],
  "❌": [line("M5 5l10 10M15 5L5 15", "#e01e5a", 3.2)],
  "⛔": [disc("#e01e5a"), ["rect", { x: 4.5, y: 8.2, width: 11, height: 3.6, rx: 1, fill: "#fff" }]],
  "⚠": [shape("M10 1.8 19 17.6a.9.9 0 0 1-.8 1.3H1.8A.9.9 0 0 1 1 17.6z", "#ecb22e"), line("M10 7.5v5", "#3b2f00"), line("M10 15.6v.1", "#3b2f00")],
  "🔄": [tile("#1d9bd1"), line("M14.6 8.2a5 5 0 0 0-8.9-.6M5.4 11.8a5 5 0 0 0 8.9.6", "#fff", 1.8), line("M15 5v3.4h-3.4M5 15v-3.4h3.4", "#fff", 1.8)],
  "🔁": [tile("#1d9bd1"), line("M5 9V7.5h9M15 11v1.5H6", "#fff", 1.8), line("M12 5.5l2.2 2-2.2 2M8 10.5l-2.2 2 2.2 2", "#fff", 1.8)],
  "⬜": [tile("#fff", "#bdbbbd")],
  "⏸": [tile("#ecb22e"), line("M7.7 6v8M12.3 6v8", "#fff", 2.6)],
  "⏹": [tile("#8d8a8d"), ["rect", { x: 6, y: 6, width: 8, height: 8, rx: 1.2, fill: "#fff" }]],
  "✋": [shape("M6.2 18.5c-1.6-1.7-3.7-4.7-4.3-6-.4-.9.9-1.7 1.7-.9l2 2V4.4c0-1.3 1.9-1.3 1.9 0V2.7c0-1.3 2-1.3 2 0v1c0-1.3 2-1.3 2 0v1.5c0-1.2 1.9-1.2 1.9 0v7.5c0 2.8-.7 4.3-1.6 5.8z", "#f2b84b"), line("M7.5 4.5v5M9.5 4v5M11.5 5v4.5", "#c98a1b", 0.9)],
  "🕒": [["circle", { cx: 10, cy: 10, r: 8.2, fill: "#fff", stroke: "#616061", "stroke-width": 1.8 }], line("M10 5.5V10h3.7", "#1d1c1d", 1.8)],
  "🔎": [["circle", { cx: 8.5, cy: 8.5, r: 5.6, fill: "#cfeafa", stroke: "#4a6a86", "stroke-width": 2 }], line("M13 13l5 5", "#4a6a86", 2.6)],
  "❔": [disc("#d7d5d7"), mark("?", "#4a484a")],
  "ℹ": [tile("#1d9bd1"), mark("i", "#fff")],
  "🟢": [disc("#2bac76")],
  "🟡": [disc("#ecb22e")],
  "🔴": [disc("#e01e5a")],
  "🔵": [disc("#1d9bd1")],
  "▶": [tile("#1d9bd1"), shape("M7.2 5.4 14.6 10l-7.4 4.6z", "#fff")],
  "📣": [shape("M3 8.2 14.5 3v13L3 11.8z", "#e8912d"), ["rect", { x: 1.4, y: 7.6, width: 3, height: 4.8, rx: 1.2, fill: "#b8641a" }], line("M6.5 13l1.2 4h2.3", "#b8641a", 1.8), line("M17 6.5l1.5-1M17.5 9.5h1.7M17 12.5l1.5 1", "#e8912d", 1.5)],
  "🔔": [shape("M10 1.5a1.5 1.5 0 0 1 1.5 1.6c2.6.7 4 2.8 4 5.4v3.5l1.7 2.5H2.8L4.5 12V8.5c0-2.6 1.4-4.7 4-5.4A1.5 1.5 0 0 1 10 1.5z", "#ecb22e"), shape("M7.8 16h4.4a2.2 2.2 0 0 1-4.4 0z", "#b8860b")],
  "🚀": [shape("M17.8 2.2c-5-.4-9 2-11.3 6.6L3 9.3l-1 2.2 3 .6 2.9 2.9.6 3 2.2-1 .5-3.5c4.6-2.3 7-6.3 6.6-11.3z", "#8aa4bf"), ["circle", { cx: 12.5, cy: 7.5, r: 1.8, fill: "#1d3a57" }]],
  "🎉": [shape("M2 18.5 7 6l7 7z", "#ecb22e"), line("M11 5l1-3M14 8l4-1.5M12.5 6.5 16 3", "#e01e5a", 1.6), ["circle", { cx: 17, cy: 11, r: 1.2, fill: "#1d9bd1" }]],
  "⏳": [shape("M5.5 3h9c0 3.5-1.4 5.4-3.4 7 2 1.6 3.4 3.5 3.4 7h-9c0-3.5 1.4-5.4 3.4-7-2-1.6-3.4-3.5-3.4-7z", "#cfeafa"), shape("M7 5.6h6c-.5 1.6-1.6 2.8-3 3.8-1.4-1-2.5-2.2-3-3.8zM6.4 16.4c.3-1.9 1.8-2.9 3.6-3.9 1.8 1 3.3 2 3.6 3.9z", "#e8912d"), line("M4.5 2.6h11M4.5 17.4h11", "#8a6239", 1.8)],
  "📟": [["rect", { x: 1.5, y: 4, width: 17, height: 12, rx: 2.5, fill: "#4a484a" }], ["rect", { x: 4, y: 6.5, width: 12, height: 4, rx: 0.8, fill: "#9fd8a5" }], line("M5.8 8.5h5", "#1d3a20", 1.4), line("M5.5 13.3h3M11.5 13.3h3", "#d7d5d7", 1.6)],
  "🔒": [["rect", { x: 4, y: 8.5, width: 12, height: 9.5, rx: 2, fill: "#ecb22e" }], line("M6.5 8V6a3.5 3.5 0 0 1 7 0v2", "#8d8a8d", 2)],
};

const plainForm = (text) => text.replace(/\uFE0F/g, "");
const DRAWN = new RegExp(`(?:${Object.keys(DRAWINGS).join("|")})\\uFE0F?`, "gu");

/** A node for a known emoji character, or the character itself. */
export function glyph(character) {
  const drawing = DRAWINGS[plainForm(character)];
  if (!drawing) return h("span", { class: "emoji-text" }, character);
  const parts = drawing.map(([tag, props, ...text]) => svg(tag, props, ...text));
  return h("span", { class: "emoji", role: "img", "aria-label": character },
    svg("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" }, ...parts));
}

/** The character of a shortcode such as white_check_mark, if we know it. */
export function emojiNamed(name) {
  return Object.hasOwn(NAMES, name) ? NAMES[name] : null;
}

export const emojiNames = Object.keys(NAMES);

/** Text with its emoji drawn; `shortcodes` also turns :name: into one. */
export function withEmoji(text, shortcodes = true) {
  const named = shortcodes
    ? text.replace(/:([a-z0-9_+-]+):/g, (whole, name) => emojiNamed(name) ?? whole)
    : text;
  const nodes = [];
  let from = 0;
  for (const found of named.matchAll(DRAWN)) {
    if (found.index > from) nodes.push(document.createTextNode(named.slice(from, found.index)));
    nodes.push(glyph(found[0]));
    from = found.index + found[0].length;
  }
  if (from < named.length) nodes.push(document.createTextNode(named.slice(from)));
  return nodes;
}
