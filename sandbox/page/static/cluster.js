// The live picture of one cluster: control plane, add-ons, node groups, budgets, subnets, updates.

import { h, keep, show } from "./dom.js";
import { drawNodegroups } from "./nodes.js";
import { state } from "./store.js";
import { domainNow, duration } from "./time.js";
import { colourOf, minorOf } from "./versions.js";

const parts = {
  title: h("div", { class: "cluster-title" }),
  plane: h("section", { class: "card plane", "aria-label": "Control plane" }),
  addons: h("div", { class: "addons" }),
  legend: h("div", { class: "legend" }),
  groups: h("div", { class: "groups" }),
  budgets: h("div", { class: "budgets" }),
  subnets: h("div", { class: "subnets" }),
  updates: h("ol", { class: "updates" }),
};
const noUpdates = h("p", { class: "empty" }, "No update yet.");
let drawnFor = null;

export function drawCluster(panel) {
  const { picture } = state;
  if (!panel.firstChild) lay(panel);
  if (drawnFor !== picture.key) for (const part of Object.values(parts)) clear(part);
  drawnFor = picture.key;
  drawTitle(picture);
  drawPlane(picture.control_plane);
  keep(parts.addons, picture.addons, (one) => one.name, addon);
  drawLegend(picture);
  drawNodegroups(parts.groups, picture);
  keep(parts.budgets, picture.budgets, (one) => `${one.namespace}/${one.name}`, budget);
  keep(parts.subnets, picture.subnets, (one) => one.id, subnet);
  noUpdates.hidden = picture.updates.length > 0;
  keep(parts.updates, picture.updates, (one) => one.id, update);
}

function clear(part) {
  part.replaceChildren();
  part.kept = undefined;
}

function lay(panel) {
  const titled = (title, ...nodes) => h("section", { class: "card" }, h("h3", {}, title), ...nodes);
  panel.append(
    parts.title,
    parts.plane,
    titled("Add-ons", parts.addons),
    titled("Node groups", parts.legend, parts.groups),
    titled("PodDisruptionBudgets", parts.budgets),
    titled("Subnets, free addresses", parts.subnets),
    titled("Updates", noUpdates, parts.updates),
  );
}

function drawTitle(picture) {
  show(
    parts.title,
    h("h2", {}, picture.name),
    h("span", { class: "chip" }, picture.environment),
    h("span", { class: "where" }, `${picture.region} · ${picture.account}`),
  );
}

function statusChip(status) {
  const kind = { ACTIVE: "good", UPDATING: "busy", CREATING: "busy", DEGRADED: "bad", UPDATE_FAILED: "bad" }[status] ?? "bad";
  return h("span", { class: `status ${kind}` }, status);
}

function drawPlane(plane) {
  const to = plane.update?.params.Version;
  const progress = plane.update?.progress;
  let bar = parts.plane.querySelector(".bar");
  if (progress === null || progress === undefined) bar = null;
  else bar ??= h("div", { class: "bar", role: "progressbar", "aria-label": "Control-plane update" }, h("i", {}));
  show(
    parts.plane,
    h("div", { class: "plane-head" }, h("h3", {}, "Control plane"), statusChip(plane.status)),
    h(
      "div",
      { class: "plane-version" },
      h("strong", { style: { "--version": colourOf(plane.version) } }, plane.version),
      to ? h("span", { class: "arrow" }, "→") : null,
      to ? h("strong", { class: "next", style: { "--version": colourOf(to) } }, to) : null,
      h("small", {}, plane.platform_version),
      bar ? h("span", { class: "percent" }, `${Math.round(progress * 100)} %`) : null,
    ),
    plane.health.length ? h("p", { class: "health" }, plane.health.join(", ")) : null,
    bar,
  );
  if (!bar) return;
  bar.setAttribute("aria-valuenow", String(Math.round(progress * 100)));
  bar.firstChild.style.setProperty("width", `${progress * 100}%`);
}

function addon(one) {
  const to = one.update?.params.AddonVersion;
  const busy = one.status === "UPDATING" || Boolean(one.update);
  const kind = busy ? "busy" : one.status === "ACTIVE" ? "good" : "bad";
  const said = [one.status, ...one.health].join(", ");
  return h(
    "div",
    { class: `addon ${kind}`, title: said },
    h("span", { class: `dot ${kind}`, role: "img", "aria-label": said }),
    h("div", {}, h("strong", {}, one.name), h("small", {}, one.version, to && to !== one.version ? ` → ${to}` : "")),
    kind === "bad" ? h("span", { class: "status bad" }, one.status) : null,
  );
}

function drawLegend(picture) {
  const count = new Map();
  for (const node of picture.nodes) count.set(minorOf(node.kubelet), (count.get(minorOf(node.kubelet)) ?? 0) + 1);
  const versions = [...count].sort(([one], [other]) => one.localeCompare(other, undefined, { numeric: true }));
  keep(parts.legend, versions, ([version]) => version, ([version, nodes]) =>
    h("span", { class: "legend-entry" }, h("i", { style: { "--version": colourOf(version) } }), `${version} · ${nodes} node${nodes === 1 ? "" : "s"}`),
  );
}

function budget(one) {
  const kind = one.allowed > 0 ? "good" : "bad";
  return h(
    "div",
    { class: `budget ${kind}` },
    h("span", { class: "budget-name" }, h("small", {}, `${one.namespace}/`), one.name),
    h("span", { class: "budget-count" }, `${one.healthy}/${one.expected} healthy`),
    h("span", { class: `allowed ${kind}`, title: `at least ${one.desired} must stay healthy` }, `${one.allowed} may go`),
  );
}

function subnet(one) {
  const kind = one.free < 5 ? "bad" : one.free < 30 ? "low" : "good";
  return h(
    "div",
    { class: `subnet ${kind}` },
    h("strong", {}, one.zone),
    h("small", {}, `${one.id} · ${one.cidr}`),
    h("span", {}, String(one.free)),
  );
}

const seconds = (text) => Date.parse(text) / 1000;
const WORDS = { InProgress: "running", Successful: "done", Failed: "failed", Cancelled: "cancelled" };

function update(one) {
  const took = one.ended_at ? duration(seconds(one.ended_at) - seconds(one.created_at)) : `since ${duration(domainNow() - seconds(one.created_at))}`;
  return h(
    "li",
    { class: one.status.toLowerCase() },
    h("span", { class: "update-mark", role: "img", "aria-label": WORDS[one.status] }),
    h("span", { class: "update-subject" }, one.subject, one.to ? h("small", {}, ` → ${one.to}`) : null, one.errors.length ? h("em", {}, one.errors.join(", ")) : null),
    h("span", { class: "update-took" }, took),
  );
}
