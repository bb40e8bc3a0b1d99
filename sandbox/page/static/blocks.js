// Block Kit as DOM nodes. `surface` knows what happens when an element is used, and collects the answers.

import { h } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { element } from "./elements.js";
import { markdown } from "./markdown.js";
import { mrkdwn } from "./mrkdwn.js";
import { richText } from "./richtext.js";

/** A text object, plain or mrkdwn, as nodes. */
export function text(object) {
  if (object.type === "mrkdwn") return mrkdwn(object.text, { verbatim: object.verbatim });
  return withEmoji(object.text, object.emoji !== false).flatMap((node) =>
    node.nodeType === Node.TEXT_NODE ? broken(node.textContent) : [node],
  );
}

function broken(words) {
  return words.split("\n").flatMap((line, index) => (index ? [h("br"), line] : [line]));
}

export function blocks(list, surface) {
  return list.map((block) => {
    const make = KINDS[block.type];
    const node = make ? make(block, surface) : h("div", { class: "unknown-block" }, `This page cannot draw a block of type ${block.type}.`);
    node.classList.add("block");
    node.dataset.blockId = block.block_id;
    return node;
  });
}

const KINDS = {
  header: (block) => h(`h${block.level ? Math.min(6, block.level + 2) : 3}`, { class: "block-header" }, ...text(block.text)),
  divider: () => h("hr", { class: "block-divider" }),
  markdown: (block) => h("div", { class: "block-markdown" }, ...markdown(block.text)),
  rich_text: (block) => h("div", { class: "block-rich" }, ...richText(block)),
  section,
  context,
  actions: (block, surface) =>
    h("div", { class: "block-actions" }, ...block.elements.map((one) => element(one, block, surface))),
  input,
  image,
  table,
  task_card: taskCard,
  plan: (block) =>
    h(
      "div",
      { class: "block-plan", role: "group", "aria-label": block.title },
      h("div", { class: "plan-title" }, block.title),
      h("ul", { class: "plan-tasks" }, ...(block.tasks ?? []).map((task) => h("li", {}, taskCard(task)))),
    ),
  alert: (block) => h("div", { class: `block-alert ${block.level ?? "default"}`, role: "note" }, ...text(block.text)),
};

function section(block, surface) {
  const body = h("div", { class: "section-body" });
  if (block.text) body.append(h("div", { class: "section-text" }, ...text(block.text)));
  if (block.fields) {
    body.append(h("div", { class: "section-fields" }, ...block.fields.map((field) => h("div", {}, ...text(field)))));
  }
  const node = h("div", { class: "block-section" }, body);
  if (block.accessory) node.append(h("div", { class: "accessory" }, element(block.accessory, block, surface)));
  return node;
}

function context(block) {
  const parts = block.elements.map((one) =>
    one.type === "image"
      ? h("span", { class: "context-image", role: "img", "aria-label": one.alt_text, title: one.alt_text }, one.alt_text.slice(0, 1))
      : h("span", {}, ...text(one)),
  );
  return h("div", { class: "block-context" }, ...parts);
}

function input(block, surface) {
  const id = `input-${block.block_id}-${surface.key}`;
  const hint = block.hint ? h("div", { class: "hint", id: `${id}-hint` }, ...text(block.hint)) : null;
  const control = element(block.element, block, surface, { id, describedBy: hint ? `${id}-hint` : null });
  // A label names one control; a group of boxes is named by a reference.
  if (control.matches("[role=group], [role=radiogroup]")) control.setAttribute("aria-labelledby", `${id}-label`);
  const label = h("label", { for: id, id: `${id}-label` }, ...text(block.label), block.optional ? h("span", { class: "optional" }, " (optional)") : null);
  return h("div", { class: "block-input" }, label, control, hint, h("div", { class: "input-error", role: "alert" }));
}

function image(block) {
  // Pictures are never fetched: the sandbox shows nothing from outside.
  return h(
    "figure",
    { class: "block-image" },
    block.title ? h("figcaption", {}, ...text(block.title)) : null,
    h("div", { class: "image-alt", role: "img", "aria-label": block.alt_text }, block.alt_text),
  );
}

function table(block) {
  const settings = block.column_settings ?? [];
  const cell = (tag) => (one, index) => {
    const align = one.type === "raw_number" ? "right" : (settings[index]?.align ?? "left");
    const classes = `align-${align}${settings[index]?.is_wrapped ? " wrapped" : ""}`;
    const content = one.type === "rich_text" ? richText(one) : whole(one.text ?? String(one.value));
    return h(tag, { class: classes, scope: tag === "th" ? "col" : null }, ...content);
  };
  const [head, ...rows] = block.rows;
  return h(
    "div",
    { class: "block-table", tabindex: 0, role: "group", "aria-label": "Table" },
    h(
      "table",
      { class: "slack-table" },
      h("thead", {}, h("tr", {}, ...head.map(cell("th")))),
      h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map(cell("td"))))),
    ),
  );
}

/** Words that break at spaces only: a date or a version stays in one piece. */
function whole(words) {
  return words.split(/(\s+)/).map((word, index) => (index % 2 ? word : h("span", { class: "word" }, ...withEmoji(word, false))));
}

const TASK_MARKS = { pending: "○", in_progress: "◐", complete: "✓", error: "✕" };

function taskCard(task) {
  const status = task.status ?? "pending";
  const more = [task.details, task.output].filter(Boolean).map((part) => h("div", { class: "task-more" }, ...richText(part)));
  return h(
    "div",
    { class: `block-task ${status}` },
    h("span", { class: "task-mark", role: "img", "aria-label": status.replace("_", " ") }, TASK_MARKS[status]),
    h("div", { class: "task-words" }, h("div", { class: "task-title" }, task.title), ...more),
  );
}
