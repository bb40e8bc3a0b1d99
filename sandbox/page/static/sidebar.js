// The workspace's sidebar: channels, the app, and whom to act as.

import { avatar } from "./avatar.js";
import { h, keep, show } from "./dom.js";
import { calls, go, HOME, look, place, unread } from "./place.js";
import { listen, on, person, state } from "./store.js";

const root = document.getElementById("sidebar");
const team = h("header", {});
const channels = h("ul", { class: "channels" });
const apps = h("ul", { class: "channels" });
const people = h("div", { class: "people", role: "group", "aria-label": "Act as" });

root.append(
  team,
  h("div", { class: "side-scroll" }, h("h2", {}, "Channels"), channels, h("h2", {}, "Apps"), apps),
  h("div", { class: "act-as" }, h("h2", {}, "Act as"), people),
);

on("place", draw);
on("messages", draw);

function draw() {
  const { workspace } = state;
  if (!workspace) return void (root.hidden = true);
  root.hidden = false;
  show(team, h("strong", {}, workspace.team), h("small", {}, state.scenario.name ?? ""),
    h("button", { type: "button", class: "close", "aria-label": "Close channels", onclick: () => look("workspace") }, "×"));
  const rows = workspace.channels.filter((one) => one.kind !== "im" && !one.archived).map((one) => ({ id: one.id, label: one.name, kind: one.kind, ...mark(one.id) }));
  keep(channels, rows, (row) => row.id, row_);
  const direct = workspace.channels.filter((one) => one.kind === "im" && workspace.app.messages);
  const tabs = [
    ...(workspace.app.home ? [{ id: HOME, label: workspace.app.name, kind: "home", messages: 0, mentions: 0, here: place.channel === HOME }] : []),
    ...direct.map((one) => ({ id: one.id, label: "Messages", kind: "im", ...mark(one.id) })),
  ];
  keep(apps, tabs, (row) => row.id, row_);
  const all = workspace.people.filter((one) => one.can_act).map((one) => ({ id: one.id, name: one.real_name, groups: one.groups, me: one.id === state.me, calls: one.id === state.me ? 0 : calls(one.id) }));
  keep(people, all, (one) => one.id, face);
}

function mark(id) {
  return { ...unread(id), here: place.channel === id };
}

function row_(row) {
  const signs = { private: "🔒", home: "", im: "" };
  const sign = row.kind === "home" ? avatar(state.workspace.app.user, "tiny") : h("span", { class: "hash", "aria-hidden": "true" }, signs[row.kind] ?? "#");
  const classes = [row.here && "here", row.messages && "unread"].filter(Boolean).join(" ");
  const name = `${row.label}${row.messages ? `, ${row.messages} unread` : ""}`;
  return h(
    "li",
    {},
    h(
      "button",
      { type: "button", class: classes, "aria-label": name, "aria-current": row.here ? "page" : null, onclick: () => go(row.id) },
      sign,
      h("span", { class: "channel-name" }, row.label),
      row.mentions ? h("span", { class: "badge" }, String(row.mentions)) : null,
    ),
  );
}

function face(one) {
  const choose = () => {
    look("workspace");
    listen(one.id, state.cluster);
  };
  const groups = one.groups.length ? one.groups.join(", ") : "no group";
  return h(
    "button",
    { type: "button", "aria-pressed": String(one.me), class: one.me ? "person here" : "person", onclick: choose, title: person(one.id)?.tz },
    avatar(one.id, "small"),
    h("span", { class: "person-name" }, h("strong", {}, one.name), h("small", {}, groups)),
    one.calls ? h("span", { class: "badge", title: "was called in a message" }, String(one.calls)) : null,
  );
}
