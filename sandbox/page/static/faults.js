// Everything that can go wrong, with a switch.

import { post } from "./api.js";
import { h, keep, show } from "./dom.js";
import { state } from "./store.js";

const on = h("div", { class: "switches" });
const off = h("div", { class: "switches" });
const none = h("p", { class: "empty" }, "Nothing is broken.");
const offers = h("div", { class: "offers" });
const slack = h("div", { class: "slack-faults" });
const problem = h("p", { class: "failure", role: "alert" });

export function drawFaults(panel) {
  if (!panel.firstChild) {
    const card = (title, ...nodes) => h("section", { class: "card" }, h("h3", {}, title), ...nodes);
    panel.append(problem, card("Broken now", none, on), card("Broken before", off), card("Break something", offers), card("Slack", slack));
  }
  const { controls } = state;
  const now = controls.switches.filter(breaks);
  const before = controls.switches.filter((one) => !breaks(one));
  none.hidden = now.length > 0;
  keep(on, now, (one) => one.id, toggle);
  off.parentNode.hidden = !before.length;
  keep(off, before, (one) => one.id, toggle);
  keep(offers, controls.offers, (one) => one.kind, offer);
  slack.parentNode.hidden = !controls.slack;
  if (controls.slack) keep(slack, [controls.slack], () => "slack", slackFaults);
}

// A fault that is spent spoils nothing any more; switched on again, it does.
const breaks = (one) => one.on && !one.spent;

async function ask(path, body) {
  const outcome = await post(path, body);
  show(problem, outcome.ok ? "" : outcome.error);
}

function lever(label, isOn, change, details = "") {
  return h(
    "button",
    { type: "button", role: "switch", "aria-checked": String(isOn), class: "lever", onclick: change },
    h("span", { class: "lever-label" }, label, details ? h("small", {}, details) : null),
    h("span", { class: "lever-track", "aria-hidden": "true" }, h("i", {})),
  );
}

function toggle(one) {
  const used = one.used ? `${one.cluster ? " · " : ""}used ${one.used}×` : "";
  const details = `${one.cluster}${used}${one.spent ? ", spent" : ""}`;
  const change = () => (breaks(one) ? ask("faults/off", { id: one.id }) : ask("faults/on", { fault: one.fault }));
  return lever(one.title, breaks(one), change, details);
}

const FREE = new Set(["action", "rule", "operation"]);

function offer(one) {
  const fields = Object.entries(one.choices).map(([name, values]) => {
    if (!FREE.has(name)) return h("select", { class: "dark-field", name, "aria-label": name }, ...values.map((value) => h("option", { value }, value)));
    const list = `choices-${one.kind}`;
    return [
      h("input", { class: "dark-field", name, "aria-label": name, list, value: values[0] }),
      h("datalist", { id: list }, ...values.map((value) => h("option", { value }))),
    ];
  });
  const submit = (event) => {
    event.preventDefault();
    ask("faults/on", { fault: faultOf(one, Object.fromEntries(new FormData(event.currentTarget))) });
  };
  const button = h("button", { type: "submit", "aria-label": `Break: ${one.title}` }, "Break");
  const title = h("span", { class: "offer-title" }, one.title);
  if (!fields.length) return h("form", { class: "offer offer-row", onsubmit: submit }, title, button);
  return h("form", { class: "offer", onsubmit: submit }, title, h("div", { class: "offer-row" }, ...fields.flat(), button));
}

function faultOf(one, { budget, rule, ...named }) {
  const fault = { kind: one.kind, ...one.fixed, ...named };
  if (budget !== undefined) [fault.namespace, fault.name] = budget.split("/");
  if (rule !== undefined) [fault.verb, fault.resource] = [rule.split(" ")[0], rule.split(" ").slice(1).join(" ")];
  return fault;
}

function slackFaults(one) {
  const stumbles = Object.entries(one.stumbles).map(([name, title]) =>
    h("button", { type: "button", class: "stumble", onclick: () => ask("slack/stumble", { name }) }, title),
  );
  return h("div", {}, lever("Outage: nobody can reach Slack", one.outage, () => ask("slack/outage", { down: !one.outage })), h("div", { class: "stumbles" }, ...stumbles));
}
