// The `markdown` block: the common part of Markdown, as DOM nodes.

import { h } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { link } from "./links.js";

const INLINE = /(`+)(.+?)\1|\*\*(.+?)\*\*|__(.+?)__|~~(.+?)~~|\*([^*\s][^*]*?)\*|\b_([^_]+?)_\b|\[([^\]]*)\]\(([^()\s]+)\)/;

function inline(text) {
  const nodes = [];
  let rest = text;
  for (let found = INLINE.exec(rest); found; found = INLINE.exec(rest)) {
    nodes.push(...withEmoji(rest.slice(0, found.index)), wrapped(found));
    rest = rest.slice(found.index + found[0].length);
  }
  return [...nodes, ...withEmoji(rest)];
}

function wrapped([, , code, bold, bold2, strike, italic, italic2, label, address]) {
  if (code !== undefined) return h("code", {}, code);
  if (bold ?? bold2) return h("strong", {}, ...inline(bold ?? bold2));
  if (strike) return h("s", {}, ...inline(strike));
  if (italic ?? italic2) return h("em", {}, ...inline(italic ?? italic2));
  return link(address, ...inline(label || address));
}

const KINDS = [
  [/^```/, fence],
  [/^#{1,6}\s/, heading],
  [/^(?:---+|\*\*\*+)\s*$/, (lines) => (lines.shift(), h("hr"))],
  [/^>\s?/, (lines) => h("blockquote", {}, ...blocks(take(lines, /^>\s?/)))],
  [/^\s*[-*+]\s/, (lines) => list("ul", lines, /^\s*[-*+]\s(?:\[[ x]\]\s)?/)],
  [/^\s*\d+[.)]\s/, (lines) => list("ol", lines, /^\s*\d+[.)]\s/)],
  [/^\|.*\|\s*$/, table],
];

export function markdown(text) {
  return blocks(text.split("\n"));
}

function blocks(given) {
  const lines = [...given];
  const nodes = [];
  while (lines.length) {
    const kind = KINDS.find(([begins]) => begins.test(lines[0]));
    if (kind) nodes.push(kind[1](lines));
    else if (lines[0].trim()) nodes.push(h("p", {}, ...paragraph(lines)));
    else lines.shift();
  }
  return nodes;
}

function paragraph(lines) {
  const nodes = [];
  while (lines.length && lines[0].trim() && !KINDS.some(([begins]) => begins.test(lines[0]))) {
    if (nodes.length) nodes.push(h("br"));
    nodes.push(...inline(lines.shift()));
  }
  return nodes;
}

function take(lines, begins) {
  const taken = [];
  while (lines.length && begins.test(lines[0])) taken.push(lines.shift().replace(begins, ""));
  return taken;
}

function list(tag, lines, begins) {
  return h(tag, {}, ...take(lines, begins).map((item) => h("li", {}, ...inline(item))));
}

function heading(lines) {
  const [, marks, text] = /^(#{1,6})\s+(.*)$/.exec(lines.shift()) ?? [null, "#", ""];
  return h(`h${Math.min(6, marks.length + 2)}`, {}, ...inline(text));
}

function fence(lines) {
  lines.shift();
  const code = [];
  while (lines.length && !lines[0].startsWith("```")) code.push(lines.shift());
  lines.shift();
  return h("pre", { class: "code-block" }, code.join("\n"));
}

function table(lines) {
  const rows = take(lines, /^(?=\|)/).map((row) => row.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim()));
  const [head, ...body] = rows.filter((row) => !row.every((cell) => /^:?-+:?$/.test(cell)));
  const line = (tag) => (row) => h("tr", {}, ...row.map((cell) => h(tag, {}, ...inline(cell))));
  return h("table", { class: "slack-table" }, h("thead", {}, line("th")(head)), h("tbody", {}, ...body.map(line("td"))));
}
