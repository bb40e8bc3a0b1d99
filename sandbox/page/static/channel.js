// The middle of the page: a channel's messages and composer, or the app's Home tab.

import { act } from "./api.js";
import { avatar } from "./avatar.js";
import { blocks } from "./blocks.js";
import { composer } from "./composer.js";
import { h, show } from "./dom.js";
import { drawMessages } from "./message.js";
import { HOME, look, place } from "./place.js";
import { channel, on, rootMessages, state } from "./store.js";

const root = document.getElementById("channel");
const header = h("header", { class: "pane-header" });
const banner = h("div", { class: "banner", role: "status", hidden: true });
const intro = h("div", { class: "intro" });
const list = h("div", { class: "messages", role: "log", "aria-label": "Messages" });
const scroller = h("div", { class: "scroller", tabindex: 0 }, intro, list);
const home = h("div", { class: "scroller app-home", hidden: true });
const typing = composer(() => ({ channel: place.channel, thread_ts: null, placeholder: placeholder() }));

if (root) root.append(header, banner, scroller, home, typing);

let drawn = null;

on("place", draw);
on("messages", (changed) => changed.some((one) => one.channel === place.channel) && drawList());
on("screen", drawHome);
on("controls", drawBanner);
on("connection", drawBanner);
on("sent", (thread) => thread || (scroller.scrollTop = scroller.scrollHeight));
on("compose", (text) => typing.put(text));

function placeholder() {
  return `Message ${nameOf(channel(place.channel))}`;
}

function nameOf(one) {
  if (!one) return "";
  return one.kind === "im" ? state.workspace.app.name : `#${one.name}`;
}

function draw() {
  if (!state.workspace) return;
  const atHome = place.channel === HOME;
  show(header, ...heading(atHome));
  home.hidden = !atHome;
  scroller.hidden = typing.hidden = atHome;
  if (atHome) {
    if (drawn !== `${HOME} ${state.me}`) act("open-home");
    drawn = `${HOME} ${state.me}`;
    return drawHome();
  }
  typing.refresh();
  drawIntro();
  const moved = drawn !== `${place.channel} ${state.me}`;
  drawn = `${place.channel} ${state.me}`;
  drawList(moved);
  const found = place.highlight && list.querySelector(`[data-ts="${CSS.escape(place.highlight)}"]`);
  found?.scrollIntoView({ block: "center" });
}

function heading(atHome) {
  const menu = h("button", { type: "button", class: "menu-button", "aria-label": "Channels", onclick: () => look("sidebar") }, h("span", { class: "menu-lines", "aria-hidden": "true" }));
  const one = channel(place.channel);
  const { app } = state.workspace;
  if (atHome) return [menu, avatar(app.user, "small"), h("h1", {}, app.name), h("p", { class: "topic" }, "Home")];
  return [menu, h("h1", {}, nameOf(one)), one?.topic ? h("p", { class: "topic" }, one.topic) : null];
}

function drawIntro() {
  const one = channel(place.channel);
  if (!one) return show(intro);
  const empty = rootMessages(one.id).length === 0;
  const lines = [
    h("h2", {}, one.kind === "im" ? one.name : `#${one.name}`),
    h("p", {}, one.kind === "im" ? "This is a direct message with the app." : `This is the very beginning of #${one.name}.`),
  ];
  const first = state.workspace.channels.find((each) => each.bot && each.kind !== "im");
  if (empty && one === first && state.start) lines.push(hint());
  show(intro, ...lines);
}

function hint() {
  const { line } = state.start;
  return h(
    "div",
    { class: "try" },
    h("strong", {}, "Try it"),
    h("p", {}, state.scenario.description),
    h("p", {}, "Type this, then act as somebody else to approve the plan:"),
    h("button", { type: "button", class: "try-line", onclick: () => typing.put(line) }, line),
  );
}

function drawList(moved = false) {
  const atEnd = moved || scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 60;
  drawMessages(list, rootMessages(place.channel));
  drawIntro();
  if (atEnd && !place.highlight) scroller.scrollTop = scroller.scrollHeight;
}

function drawHome() {
  if (place.channel !== HOME) return;
  const view = state.screen.home;
  if (!view) return show(home, h("p", { class: "empty" }, "The app has not published anything here yet."));
  const surface = {
    key: view.id,
    answers: new Map(),
    state: view.state,
    use: (block, one, value) => act("act-in-view", { view: view.id, block_id: block.block_id, action_id: one.action_id, value }),
    failed: (error) => home.prepend(h("div", { class: "failure", role: "alert" }, error)),
  };
  show(home, h("div", { class: "blocks" }, ...blocks(view.blocks, surface)));
}

function drawBanner() {
  const away = state.controls?.slack?.outage;
  const text = !state.connected ? "The sandbox does not answer. Trying again…" : away ? "Slack is having an outage. Nothing gets through." : "";
  banner.hidden = !text;
  banner.classList.toggle("bad", Boolean(text));
  show(banner, text);
}
