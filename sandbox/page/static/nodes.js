// Node groups: a cell a node, a dot a pod; pods fly to where they are started again.

import { h, keep, show } from "./dom.js";
import { colourOf, minorOf } from "./versions.js";

// One colour a namespace; the last is for kube-system.
const PODS = ["#7cc4ff", "#ffb86b", "#9be28f", "#ff9ecf", "#c9b3ff", "#ffe27a", "#6fe0d8", "#ff9a8d", "#b8c4d6"];
const calm = matchMedia("(prefers-reduced-motion: reduce)");

let cluster = null;
let cards = new Map(); // group -> {card, head, cells}
let cells = new Map(); // node -> {cell, name, version, flags, dots}
let dots = new Map(); // pod -> {dot, owner, phase, gave}
const colours = new Map(); // namespace -> colour, in the order in which they were seen
let recent = []; // {owner, rect} of pods that have just gone
let tray = null;
let spaces = null;

export function drawNodegroups(root, picture) {
  if (cluster !== picture.key) {
    cluster = picture.key;
    cards = new Map();
    cells = new Map();
    dots = new Map();
    recent = [];
    tray = h("div", { class: "tray", hidden: true }, h("span", { class: "tray-title" }, "Pods waiting for a node"), h("div", { class: "dots" }));
    spaces = h("div", { class: "namespaces", "aria-label": "Pods by namespace" });
    root.append(tray, spaces);
  }
  const before = new Map([...dots].map(([key, one]) => [key, one.dot.getBoundingClientRect()]));
  drawCards(root, picture);
  drawCells(picture);
  const namespaces = [...new Set(picture.pods.map((pod) => pod.namespace))].sort();
  namespaces.forEach(podColour);
  drawPods(picture.pods, before);
  keep(spaces, namespaces, (name) => name, (name) => h("span", {}, h("i", { class: "dot pod ready", style: { "--pod": podColour(name) } }), name));
}

// --- groups --------------------------------------------------------------------------------------------------------

function drawCards(root, picture) {
  const managed = picture.nodegroups.map((group) => ({ ...group, managed: true }));
  const names = new Set(managed.map((group) => group.name));
  const others = [...new Set([...Object.keys(picture.other_groups), ...picture.nodes.map((node) => node.group)])]
    .filter((name) => !names.has(name))
    .map((name) => ({ name, managed: false, kind: picture.other_groups[name]?.kind, desired: picture.other_groups[name]?.desired }));
  const all = [...managed, ...others];
  for (const group of all) {
    if (!cards.has(group.name)) cards.set(group.name, newCard());
    const { card, head, cells: grid } = cards.get(group.name);
    if (!card.isConnected) root.insertBefore(card, tray);
    show(head, ...heading(group));
    card.classList.toggle("busy", group.status === "UPDATING");
    drawStarting(grid, group);
  }
  for (const [name, { card }] of cards) {
    if (!all.some((group) => group.name === name)) {
      card.remove();
      cards.delete(name);
    }
  }
}

function newCard() {
  const head = h("header", {});
  const grid = h("div", { class: "cells" });
  return { card: h("section", { class: "group" }, head, grid), head, cells: grid };
}

function heading(group) {
  if (!group.managed) {
    return [h("strong", {}, group.name || "other nodes"), h("small", {}, group.kind ? `${group.kind}, not managed by EKS` : "not managed by EKS")];
  }
  const to = group.update?.params.Version;
  const kind = { ACTIVE: "good", UPDATING: "busy" }[group.status] ?? "bad";
  return [
    h("strong", {}, group.name),
    h("small", { title: `AMI release ${group.release_version}` }, `${group.version}${to && to !== group.version ? ` → ${to}` : ""} · ${group.instances}/${group.desired}`),
    group.health.length ? h("em", {}, group.health.join(", ")) : null,
    h("span", { class: `status ${kind}` }, group.status),
  ];
}

function drawStarting(grid, group) {
  const wanted = group.starting ?? [];
  for (const ghost of grid.querySelectorAll(".ghost")) if (!wanted.includes(ghost.dataset.instance)) ghost.remove();
  for (const id of wanted) {
    if (![...grid.querySelectorAll(".ghost")].some((ghost) => ghost.dataset.instance === id)) {
      grid.append(h("div", { class: "cell ghost", "data-instance": id, title: `${id} is starting` }, h("span", { class: "cell-name" }, "starting…")));
    }
  }
}

// --- nodes ---------------------------------------------------------------------------------------------------------

function drawCells(picture) {
  const seen = new Set();
  for (const node of picture.nodes) {
    seen.add(node.name);
    if (!cells.has(node.name)) cells.set(node.name, newCell());
    const one = cells.get(node.name);
    const grid = cards.get(node.group).cells;
    if (one.cell.parentNode !== grid) grid.insertBefore(one.cell, grid.querySelector(".ghost"));
    one.cell.style.setProperty("--version", colourOf(node.kubelet));
    one.cell.classList.toggle("young", node.is_young);
    one.cell.classList.toggle("cordoned", node.unschedulable);
    one.cell.classList.toggle("not-ready", !node.ready);
    const flags = [node.ready ? "" : "NotReady", node.unschedulable ? "cordoned" : ""].filter(Boolean).join(", ");
    const said = `${node.name}, kubelet ${node.kubelet}, ${node.zone}, ${node.pods} pods${flags ? `, ${flags}` : ""}`;
    one.cell.setAttribute("aria-label", said);
    one.cell.title = said;
    one.name.textContent = shortName(node.name);
    one.version.textContent = minorOf(node.kubelet);
    one.flags.textContent = flags;
  }
  for (const [name, { cell }] of cells) {
    if (!seen.has(name)) {
      cell.remove();
      cells.delete(name);
    }
  }
}

function newCell() {
  const name = h("span", { class: "cell-name" });
  const version = h("span", { class: "cell-version" });
  const flags = h("span", { class: "cell-flags" });
  const box = h("div", { class: "dots", "aria-hidden": "true" });
  return { cell: h("div", { class: "cell", role: "img" }, h("div", { class: "cell-head" }, name, version), box, flags), name, version, flags, dots: box };
}

/** ip-10-0-3-127.eu-central-1.compute.internal is told from its neighbours by its last two numbers. */
function shortName(name) {
  const address = /^ip-\d+-\d+-(\d+)-(\d+)/.exec(name);
  return address ? `${address[1]}.${address[2]}` : name.split(".")[0].slice(-8);
}

// --- pods ----------------------------------------------------------------------------------------------------------

function podColour(namespace) {
  if (namespace === "kube-system") return PODS.at(-1);
  if (!colours.has(namespace)) colours.set(namespace, PODS[colours.size % (PODS.length - 1)]);
  return colours.get(namespace);
}

function drawPods(pods, before) {
  const keys = new Set(pods.map((pod) => `${pod.namespace}/${pod.name}`));
  for (const [key, one] of dots) {
    if (keys.has(key)) continue;
    if (!one.gave) recent.push({ owner: one.owner, rect: before.get(key) });
    one.dot.remove();
    dots.delete(key);
  }
  recent = recent.slice(-60);
  const fresh = [];
  for (const pod of pods) {
    const key = `${pod.namespace}/${pod.name}`;
    const owner = `${pod.namespace}/${pod.owner}`;
    const box = cells.get(pod.node)?.dots ?? tray.querySelector(".dots");
    let one = dots.get(key);
    if (!one) {
      one = { dot: h("i", { class: "dot pod", style: { "--pod": podColour(pod.namespace) } }), owner };
      dots.set(key, one);
      fresh.push(one);
    }
    const moved = one.dot.parentNode !== box;
    if (moved) box.append(one.dot);
    one.phase = pod.phase;
    one.dot.className = `dot pod ${pod.phase.toLowerCase()}${pod.ready ? " ready" : ""}`;
    one.dot.title = `${key}: ${pod.phase}${pod.ready ? "" : ", not ready"}`;
    if (moved && before.has(key)) fly(one.dot, before.get(key));
  }
  tray.hidden = !tray.querySelector(".pod");
  for (const one of fresh) {
    const from = origin(one, before);
    if (from) fly(one.dot, from);
  }
}

/** Where the pod that this one replaces stands or stood. */
function origin(fresh, before) {
  for (const [key, one] of dots) {
    if (one.owner === fresh.owner && one.phase === "Terminating" && !one.gave && before.has(key)) {
      one.gave = true;
      return before.get(key);
    }
  }
  const index = recent.findIndex((one) => one.owner === fresh.owner);
  return index < 0 ? null : recent.splice(index, 1)[0].rect;
}

function fly(dot, from) {
  if (calm.matches || !from?.width) return;
  const to = dot.getBoundingClientRect();
  if (!to.width) return;
  dot.animate(
    [
      { transform: `translate(${from.left - to.left}px, ${from.top - to.top}px) scale(1.5)`, zIndex: 5 },
      { transform: "none", zIndex: 5 },
    ],
    { duration: 700, easing: "cubic-bezier(.3,.7,.2,1)" },
  );
}
