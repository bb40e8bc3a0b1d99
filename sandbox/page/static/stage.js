// Beside the workspace: the domain clock, the bot, and four tabs.

import { post } from "./api.js";
import { drawCluster } from "./cluster.js";
import { drawFaults } from "./faults.js";
import { h, show } from "./dom.js";
import { drawPager } from "./pager.js";
import { listen, on, state } from "./store.js";
import { clockSeconds, domainNow, shortDay } from "./time.js";

const root = document.getElementById("stage");
const time = h("time", { class: "clock-time" });
const date = h("span", { class: "clock-date" });
const speed = h("span", { class: "clock-speed", title: "Simulated seconds in one real second" });
const bot = h("div", { class: "bot" });
const panels = {
  cluster: h("div", { class: "panel", id: "panel-cluster", role: "tabpanel", "aria-labelledby": "tab-cluster", tabindex: 0 }),
  faults: h("div", { class: "panel", id: "panel-faults", role: "tabpanel", "aria-labelledby": "tab-faults", tabindex: 0 }),
  pager: h("div", { class: "panel", id: "panel-pager", role: "tabpanel", "aria-labelledby": "tab-pager", tabindex: 0 }),
  log: h("div", { class: "panel", id: "panel-log", role: "tabpanel", "aria-labelledby": "tab-log", tabindex: 0 }),
};
const TITLES = { cluster: "Cluster", faults: "Faults", pager: "Pager", log: "Bot log" };
const badges = { faults: h("span", { class: "tab-badge", hidden: true }), pager: h("span", { class: "tab-badge", hidden: true }) };
const tabs = Object.fromEntries(Object.keys(TITLES).map((name) => [name, tab(name)]));
const selector = h("select", { class: "cluster-select", "aria-label": "Cluster", hidden: true, onchange: () => listen(state.me, selector.value) });
const log = h("pre", { class: "log", "aria-label": "The bot's log" });

root.append(
  h("header", { class: "stage-header" }, h("div", { class: "clock" }, h("div", { class: "clock-line" }, time, speed), date), bot),
  h("div", { class: "tabs" }, h("div", { role: "tablist", "aria-label": "Sandbox", onkeydown: arrows }, ...Object.values(tabs)), selector),
  ...Object.values(panels),
);
panels.log.append(log);
choose("cluster");
drawCalls();

on("hello", tick);
on("controls", drawBot);
on("clusters", drawSelector);
on("hello", drawSelector);
on("picture", () => drawCluster(panels.cluster));
on("controls", () => drawFaults(panels.faults));
on("pager", drawCalls);
on("log", drawLog);
setInterval(tick, 250);

function tab(name) {
  return h(
    "button",
    { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`, onclick: () => choose(name) },
    TITLES[name],
    badges[name] ?? null,
  );
}

function choose(name) {
  for (const [each, panel] of Object.entries(panels)) {
    panel.hidden = each !== name;
    tabs[each].setAttribute("aria-selected", String(each === name));
    tabs[each].tabIndex = each === name ? 0 : -1;
  }
}

function arrows(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const names = Object.keys(tabs);
  const now = names.findIndex((name) => tabs[name].getAttribute("aria-selected") === "true");
  const next = names[(now + step + names.length) % names.length];
  choose(next);
  tabs[next].focus();
}

function tick() {
  if (!state.clock) return;
  const now = domainNow();
  time.textContent = clockSeconds(now);
  date.textContent = shortDay(now);
  speed.textContent = `×${state.clock.rate}`;
}

function drawSelector() {
  selector.hidden = state.clusters.length < 2;
  show(selector, ...state.clusters.map((one) => h("option", { value: one.key, selected: one.key === state.cluster }, `${one.name} · ${one.version}${one.busy ? " · updating" : ""}`)));
}

function drawBot() {
  const { bot: process, switches } = state.controls;
  const on_ = switches.filter((one) => one.on && !one.spent).length + (state.controls.slack?.outage ? 1 : 0);
  count(badges.faults, on_, "on");
  if (!process) return show(bot, h("span", { class: "bot-state" }, "No bot: connect your own"));
  const restarts = Math.max(0, process.starts - 1);
  const ended = process.exit === -9 ? "killed" : process.exit === null ? "not started" : `exited (${process.exit})`;
  const words = process.running ? (process.connections ? "Bot connected" : "Bot connecting…") : `Bot ${ended}`;
  const pid = process.running ? `pid ${process.pid}` : "";
  const details = [pid, restarts ? `${restarts} restart${restarts > 1 ? "s" : ""}` : ""].filter(Boolean).join(" · ");
  const button = process.running
    ? h("button", { type: "button", class: "kill", onclick: (event) => press(event, "bot/kill"), title: "Kill the bot's process without a goodbye" }, "kill -9", h("span", { class: "wide" }, " the bot"))
    : h("button", { type: "button", class: "revive", onclick: (event) => press(event, "bot/start") }, "Start the bot");
  show(
    bot,
    h("span", { class: `bot-dot ${process.running ? (process.connections ? "on" : "waiting") : ""}`, "aria-hidden": "true" }),
    h("span", { class: "bot-state", role: "status" }, words, details ? h("small", {}, details) : null),
    button,
  );
}

function drawCalls() {
  count(badges.pager, state.pager.filter((one) => one.state === "triggered").length, "to acknowledge");
  drawPager(panels.pager);
}

function count(badge, number, words) {
  badge.hidden = !number;
  badge.textContent = String(number);
  badge.setAttribute("aria-label", `${number} ${words}`);
}

async function press(event, path) {
  event.currentTarget.disabled = true;
  await post(path);
}

function drawLog() {
  const atEnd = panels.log.scrollHeight - panels.log.scrollTop - panels.log.clientHeight < 80;
  log.textContent = state.log.join("\n") || "Nothing yet.";
  if (atEnd) panels.log.scrollTop = panels.log.scrollHeight;
}
