// Where a person types: messages, mentions and slash commands, with suggestions for both.

import { act } from "./api.js";
import { announce, h, show } from "./dom.js";
import { person, state, tell } from "./store.js";

let made = 0;

/**
 * A composer for a channel or a thread.
 * @param where () => ({channel, thread_ts, placeholder})
 */
export function composer(where) {
  const id = `suggestions-${(made += 1)}`;
  const field = h("textarea", { rows: 1, "aria-label": "Message", autocomplete: "off", spellcheck: "false", role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": id });
  const list = h("div", { class: "suggestions", id, role: "listbox", "aria-label": "Suggestions", hidden: true });
  const error = h("div", { class: "composer-error", role: "alert" });
  const send = h("button", { type: "submit", class: "send", "aria-label": "Send" }, arrow());
  const form = h("form", { class: "composer" }, error, list, h("div", { class: "composer-box" }, field, send));
  const menu = suggestions(field, list);
  field.addEventListener("input", () => (grow(field), show(error), menu.update()));
  field.addEventListener("keydown", (event) => {
    if (menu.key(event)) return;
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  field.addEventListener("blur", () => setTimeout(menu.close, 150));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    menu.close();
    await submit(field, error, send, where());
  });
  // What was typed stays with its channel or thread until it is sent.
  const drafts = new Map();
  let place = null;
  form.refresh = () => {
    const { channel, thread_ts, placeholder } = where();
    field.placeholder = placeholder;
    const there = `${channel} ${thread_ts ?? ""}`;
    if (there === place) return;
    if (place !== null) {
      drafts.set(place, field.value);
      field.value = drafts.get(there) ?? "";
      show(error);
      grow(field);
    }
    place = there;
  };
  form.put = (text) => {
    field.value = text;
    grow(field);
    field.focus();
  };
  return form;
}

async function submit(field, error, send, { channel, thread_ts }) {
  const text = field.value.trim();
  if (!text || send.disabled) return;
  show(error);
  send.disabled = true;
  tell("sent", thread_ts);
  const command = text.startsWith("/");
  field.value = "";
  grow(field);
  const outcome = command
    ? await act("command", { channel, line: text, ...(thread_ts ? { thread_ts } : {}) })
    : await act("message", { channel, text, ...(thread_ts ? { thread_ts } : {}) });
  send.disabled = false;
  if (outcome.ok) return;
  if (!field.value) field.value = text;
  grow(field);
  show(error, outcome.error ?? "That did not work.");
  announce(outcome.error ?? "That did not work.");
}

function grow(field) {
  field.style.setProperty("height", "auto");
  field.style.setProperty("height", `${Math.min(160, field.scrollHeight)}px`);
}

function arrow() {
  return h("span", { class: "send-arrow", "aria-hidden": "true" });
}

// --- suggestions ---------------------------------------------------------------------------------------------------

function suggestions(field, list) {
  let found = [];
  let chosen = 0;
  const close = () => {
    found = [];
    draw();
  };
  const take = (index) => {
    const one = found[index];
    const before = field.value.slice(0, one.from);
    const after = field.value.slice(field.selectionStart).replace(/^\s+/, "");
    field.value = `${before}${one.insert} ${after}`;
    field.setSelectionRange(before.length + one.insert.length + 1, before.length + one.insert.length + 1);
    close();
    field.focus();
  };
  const draw = () => {
    list.hidden = !found.length;
    field.setAttribute("aria-expanded", String(Boolean(found.length)));
    show(list, ...found.map((one, index) => option(one, `${list.id}-${index}`, index === chosen, () => take(index))));
    if (found.length) field.setAttribute("aria-activedescendant", `${list.id}-${chosen}`);
    else field.removeAttribute("aria-activedescendant");
  };
  return {
    close,
    update: () => {
      found = matches(field.value.slice(0, field.selectionStart));
      chosen = 0;
      draw();
    },
    key: (event) => {
      if (!found.length || event.isComposing) return false;
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const whole = event.key === "Enter" && found[chosen].whole;
      if (step) {
        chosen = (chosen + step + found.length) % found.length;
        draw();
      } else if (event.key === "Escape") close();
      else if (event.key === "Tab" || (event.key === "Enter" && !whole)) take(chosen);
      else return false;
      event.preventDefault();
      return true;
    },
  };
}

function option(one, id, chosen, take) {
  const pick = (event) => (event.preventDefault(), take());
  return h(
    "div",
    { class: chosen ? "suggestion chosen" : "suggestion", id, role: "option", "aria-selected": String(chosen), onmousedown: pick },
    h("strong", {}, one.label),
    one.hint ? h("span", { class: "suggestion-hint" }, one.hint) : null,
    one.about ? h("span", { class: "suggestion-about" }, one.about) : null,
  );
}

/** What could stand at the end of what is typed; `whole` when it stands there already. */
function matches(typed) {
  const commands = state.workspace?.commands ?? [];
  if (/^\/\S*$/.test(typed)) {
    return commands
      .filter((one) => one.name.startsWith(typed))
      .map((one) => ({ from: 0, insert: one.name, label: one.name, hint: one.hint, about: one.description, whole: one.name === typed }));
  }
  const at = /(?:^|\s)@([a-z0-9._-]*)$/i.exec(typed);
  if (!at) return [];
  const from = typed.length - at[1].length - 1;
  const people = state.workspace.people.map((one) => ({ name: one.name, about: one.real_name }));
  const groups = state.workspace.usergroups.map((one) => ({ name: one.handle, about: "user group" }));
  return [...people, ...groups]
    .filter((one) => one.name.startsWith(at[1].toLowerCase()) && one.name !== person(state.me)?.name)
    .slice(0, 8)
    .map((one) => ({ from, insert: `@${one.name}`, label: `@${one.name}`, about: one.about, whole: one.name === at[1] }));
}
