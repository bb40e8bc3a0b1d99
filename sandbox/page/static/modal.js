// The modals on the chosen person's screen: only the topmost is drawn, as in Slack.

import { act } from "./api.js";
import { blocks } from "./blocks.js";
import { h, show } from "./dom.js";
import { answersOf } from "./elements.js";
import { on, state } from "./store.js";

let shown = null; // {me, id, hash, dialog, surface}

on("screen", draw);
on("hello", () => shown?.me !== state.me && close());

function draw() {
  const view = state.screen.modals.at(-1);
  if (!view) return close();
  if (shown?.id === view.id && shown.hash === view.hash) return;
  const typed = shown?.id === view.id ? answersOf(shown.surface) : {};
  if (shown?.id !== view.id) close();
  const dialog = shown?.dialog ?? h("dialog", { class: "modal", oncancel: (event) => (event.preventDefault(), dismiss()) });
  const surface = surfaceOf(view, dialog);
  shown = { me: state.me, id: view.id, hash: view.hash, dialog, surface };
  fill(dialog, view, surface);
  refill(dialog, typed);
  if (!dialog.open) {
    document.body.append(dialog);
    dialog.showModal();
  }
  dialog.querySelector("[autofocus], .modal-body input, .modal-body textarea, .modal-body select, footer button")?.focus();
}

function surfaceOf(view, dialog) {
  return {
    key: view.id,
    answers: new Map(),
    state: view.state,
    use: (block, one, value) => act("act-in-view", { view: view.id, block_id: block.block_id, action_id: one.action_id, value }),
    failed: (error) => complain(dialog, error),
  };
}

function fill(dialog, view, surface) {
  dialog.setAttribute("aria-label", view.title.text);
  const submit = (event) => (event.preventDefault(), send(dialog, view, surface));
  const sending = view.submit
    ? h("button", { type: "submit", class: "slack-button primary", disabled: view.submit_disabled }, view.submit.text)
    : null;
  show(
    dialog,
    h(
      "form",
      { onsubmit: submit, novalidate: true },
      h("header", {}, h("h2", {}, view.title.text), h("button", { type: "button", class: "close", "aria-label": "Close", onclick: dismiss }, "×")),
      h("div", { class: "modal-body" }, ...blocks(view.blocks, surface)),
      h("div", { class: "modal-error", role: "alert" }),
      h("footer", {}, h("button", { type: "button", class: "slack-button", onclick: dismiss }, view.close?.text ?? "Close"), sending),
    ),
  );
}

/** Put back what was typed before the app changed the view, where the inputs are still there. */
function refill(dialog, typed) {
  for (const [blockId, actions] of Object.entries(typed)) {
    const block = dialog.querySelector(`[data-block-id="${CSS.escape(blockId)}"]`);
    for (const [actionId, value] of Object.entries(actions)) {
      const node = block?.querySelector(`[data-action="${CSS.escape(actionId)}"]`);
      if (node && typeof value === "string" && "value" in node) node.value = value;
    }
  }
}

async function send(dialog, view, surface) {
  const button = dialog.querySelector("footer [type=submit]");
  if (!button || button.disabled) return;
  clear(dialog);
  button.disabled = true;
  button.classList.add("in-flight");
  const outcome = await act("submit-view", { view: view.id, values: answersOf(surface) });
  button.disabled = false;
  button.classList.remove("in-flight");
  if (outcome.error) complain(dialog, outcome.error);
  for (const [blockId, text] of Object.entries(outcome.errors ?? {})) {
    const block = dialog.querySelector(`[data-block-id="${CSS.escape(blockId)}"]`);
    block?.classList.add("wrong");
    block?.querySelector(".input-error")?.append(text);
  }
  dialog.querySelector(".wrong input, .wrong textarea, .wrong select")?.focus();
  dialog.querySelector(".wrong .input-error")?.scrollIntoView({ block: "nearest" });
}

function clear(dialog) {
  for (const node of dialog.querySelectorAll(".input-error, .modal-error")) show(node);
  for (const node of dialog.querySelectorAll(".wrong")) node.classList.remove("wrong");
}

function complain(dialog, text) {
  show(dialog.querySelector(".modal-error"), text);
}

function dismiss() {
  if (shown) act("close-view", { view: shown.id });
}

function close() {
  shown?.dialog.close();
  shown?.dialog.remove();
  shown = null;
}
