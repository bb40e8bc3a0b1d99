// Interactive elements. A surface is where blocks stand:
//   key      tells surfaces apart in ids
//   use      (block, element, value) -> promise of {ok, error}; called when an element is used
//   answers  Map of "block id\naction id" -> function that reads the answer
//   state    answers that stand there already, as Slack keeps them

import { h } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { confirmed } from "./confirm.js";
import { open } from "./links.js";
import { state as store } from "./store.js";
import { localField, momentOf } from "./time.js";

// What is under way -> the nodes that show it; a message that is edited meanwhile draws its button anew.
const inFlight = new Map();

export function element(one, block, surface, labelled = {}) {
  const make = KINDS[one.type];
  return make ? make(one, block, surface, labelled) : h("span", { class: "unknown-block" }, `(${one.type})`);
}

/** {block id: {action id: answer}} of everything that a person has filled in. */
export function answersOf(surface) {
  const values = {};
  for (const [key, read] of surface.answers) {
    const [blockId, actionId] = key.split("\n");
    (values[blockId] ??= {})[actionId] = read();
  }
  return values;
}

async function use(one, block, surface, value, node) {
  const key = `${surface.key}\n${block.block_id}\n${one.action_id}`;
  if (inFlight.has(key) || (one.confirm && !(await confirmed(one.confirm)))) return;
  if (one.url) open(one.url);
  inFlight.set(key, new Set());
  wait(key, node);
  const outcome = await surface.use(block, one, value);
  for (const each of inFlight.get(key)) busy(each, false);
  inFlight.delete(key);
  if (!outcome.ok && outcome.error) surface.failed?.(outcome.error);
}

function wait(key, node) {
  inFlight.get(key)?.add(node);
  if (inFlight.has(key)) busy(node, true);
}

function busy(node, on) {
  node.classList.toggle("in-flight", on);
  node.disabled = on;
  node.setAttribute("aria-busy", String(on));
}

function button(one, block, surface) {
  const props = {
    type: "button",
    class: `slack-button ${one.style ?? ""}`,
    "aria-label": one.accessibility_label,
    "data-action": one.action_id,
  };
  const allowed = !one.visible_to_user_ids || one.visible_to_user_ids.includes(store.me);
  if (!allowed) return h("span", { hidden: true });
  const node = h("button", { ...props, onclick: () => use(one, block, surface, null, node) }, ...withEmoji(one.text.text, one.text.emoji !== false));
  wait(`${surface.key}\n${block.block_id}\n${one.action_id}`, node);
  return node;
}

/** Register how the answer is read, and use the element at once where a choice is an action. */
function field(node, one, block, surface, labelled, read) {
  node.dataset.action = one.action_id;
  if (labelled.id) node.id = labelled.id;
  else node.setAttribute("aria-label", one.placeholder?.text ?? one.action_id);
  if (labelled.describedBy) node.setAttribute("aria-describedby", labelled.describedBy);
  if (one.focus_on_load) node.autofocus = true;
  surface.answers.set(`${block.block_id}\n${one.action_id}`, read);
  const acts = block.type !== "input" || block.dispatch_action;
  if (acts && !TYPED.has(one.type)) node.addEventListener("change", () => use(one, block, surface, read(), node));
  if (acts && TYPED.has(one.type)) {
    node.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey) use(one, block, surface, read(), node);
    });
  }
  return node;
}

const TYPED = new Set(["plain_text_input", "number_input"]);

function answered(one, block, surface) {
  return surface.state?.[block.block_id]?.[one.action_id] ?? {};
}

function typed(one, block, surface, labelled) {
  const initial = answered(one, block, surface).value ?? one.initial_value ?? "";
  const props = { class: "slack-field", placeholder: one.placeholder?.text, maxlength: one.max_length, value: initial };
  const node = one.multiline
    ? h("textarea", { ...props, rows: 4 })
    : h("input", { type: "text", ...props, inputmode: one.type === "number_input" ? "decimal" : null });
  return field(node, one, block, surface, labelled, () => node.value);
}

function option(one, chosen) {
  return h("option", { value: one.value, selected: chosen.includes(one.value) }, one.text.text);
}

function optionsOf(one, chosen) {
  if (!one.option_groups) return (one.options ?? []).map((each) => option(each, chosen));
  return one.option_groups.map((group) =>
    h("optgroup", { label: group.label.text }, ...group.options.map((each) => option(each, chosen))),
  );
}

function select(one, options, chosen, block, surface, labelled) {
  const empty = h("option", { value: "", selected: !chosen.length }, one.placeholder?.text ?? "Choose an option");
  const node = h("select", { class: "slack-field slack-select" }, empty, ...options);
  return field(node, one, block, surface, labelled, () => node.value || null);
}

function staticSelect(one, block, surface, labelled) {
  const now = answered(one, block, surface).selected_option ?? one.initial_option;
  const chosen = now ? [now.value] : [];
  return select(one, optionsOf(one, chosen), chosen, block, surface, labelled);
}

function many(one, options, block, surface, labelled) {
  const node = h("select", { class: "slack-field", multiple: true, size: Math.min(6, options.length) }, ...options);
  return field(node, one, block, surface, labelled, () => [...node.selectedOptions].map((each) => each.value));
}

function multiStatic(one, block, surface, labelled) {
  const now = answered(one, block, surface).selected_options ?? one.initial_options ?? [];
  return many(one, optionsOf(one, now.map((each) => each.value)), block, surface, labelled);
}

const peopleOptions = (chosen) =>
  (store.workspace?.people ?? [])
    .filter((person) => !person.is_bot)
    .map((person) => h("option", { value: person.id, selected: chosen.includes(person.id) }, person.real_name));
const channelOptions = (chosen) =>
  (store.workspace?.channels ?? [])
    .filter((channel) => channel.kind !== "im")
    .map((channel) => h("option", { value: channel.id, selected: chosen.includes(channel.id) }, `#${channel.name}`));

const picked = (field_, initial, options) => (one, block, surface, labelled) => {
  const now = answered(one, block, surface)[field_] ?? one[initial];
  const chosen = now ? [now] : [];
  return select(one, options(chosen), chosen, block, surface, labelled);
};

function multiUsers(one, block, surface, labelled) {
  const now = answered(one, block, surface).selected_users ?? one.initial_users ?? [];
  return many(one, peopleOptions(now), block, surface, labelled);
}

const choices = (type) => (one, block, surface, labelled) => {
  const now = answered(one, block, surface);
  const initial = type === "radio" ? [now.selected_option ?? one.initial_option] : (now.selected_options ?? one.initial_options ?? []);
  const chosen = initial.filter(Boolean).map((each) => each.value);
  const name = `${surface.key}-${block.block_id}-${one.action_id}`;
  const rows = one.options.map((each) =>
    h(
      "label",
      { class: "choice" },
      h("input", { type, name, value: each.value, checked: chosen.includes(each.value) }),
      h("span", {}, each.text.text, each.description ? h("small", {}, each.description.text) : null),
    ),
  );
  const node = h("div", { class: "choices", role: type === "radio" ? "radiogroup" : "group" }, ...rows);
  const read = () => {
    const values = [...node.querySelectorAll("input:checked")].map((each) => each.value);
    return type === "radio" ? (values[0] ?? null) : values;
  };
  return field(node, one, block, surface, labelled, read);
};

const dated = (type, name, initial) => (one, block, surface, labelled) => {
  const node = h("input", { type, class: "slack-field", value: answered(one, block, surface)[name] ?? one[initial] ?? "" });
  return field(node, one, block, surface, labelled, () => node.value || null);
};

function dateTime(one, block, surface, labelled) {
  const at = answered(one, block, surface).selected_date_time ?? one.initial_date_time;
  const node = h("input", { type: "datetime-local", class: "slack-field", value: at ? localField(at) : "" });
  return field(node, one, block, surface, labelled, () => (node.value ? momentOf(node.value) : null));
}

function overflow(one, block, surface) {
  const menu = h("div", { class: "overflow-menu", role: "menu", hidden: true });
  const opener = h("button", { type: "button", class: "slack-button overflow", "aria-label": "More actions", "aria-haspopup": "menu", "aria-expanded": "false", "data-action": one.action_id }, "⋯");
  const toggle = (open_) => {
    menu.hidden = !open_;
    opener.setAttribute("aria-expanded", String(open_));
    if (open_) menu.firstElementChild?.focus();
  };
  opener.addEventListener("click", () => toggle(menu.hidden));
  const box = h("div", { class: "overflow-box", onfocusout: (event) => box.contains(event.relatedTarget) || toggle(false), onkeydown: (event) => event.key === "Escape" && (toggle(false), opener.focus()) }, opener, menu);
  for (const each of one.options) {
    const choose = () => {
      toggle(false);
      if (each.url) open(each.url);
      use(one, block, surface, each.value, opener);
    };
    menu.append(h("button", { type: "button", role: "menuitem", onclick: choose }, each.text.text));
  }
  return box;
}

const KINDS = {
  button,
  overflow,
  plain_text_input: typed,
  number_input: typed,
  static_select: staticSelect,
  multi_static_select: multiStatic,
  users_select: picked("selected_user", "initial_user", peopleOptions),
  multi_users_select: multiUsers,
  conversations_select: picked("selected_conversation", "initial_conversation", channelOptions),
  channels_select: picked("selected_channel", "initial_channel", channelOptions),
  radio_buttons: choices("radio"),
  checkboxes: choices("checkbox"),
  datepicker: dated("date", "selected_date", "initial_date"),
  timepicker: dated("time", "selected_time", "initial_time"),
  datetimepicker: dateTime,
  image: (one) => h("span", { class: "image-alt", role: "img", "aria-label": one.alt_text }, one.alt_text),
};
