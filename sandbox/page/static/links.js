// Links: to the web in a new tab, to a message of this workspace inside the page, to anything else not at all.

import { h } from "./dom.js";
import { state, tell } from "./store.js";

/** {channel, ts, thread} if the address is a permalink of this workspace. */
export function permalink(address) {
  let url;
  try {
    url = new URL(address, location.href);
  } catch {
    return null;
  }
  const ours = [location.origin, state.workspace?.team_url && new URL(state.workspace.team_url).origin];
  const found = /^\/archives\/([A-Z0-9]+)\/p(\d+)(\d{6})$/.exec(url.pathname);
  if (!ours.includes(url.origin) || !found) return null;
  return { channel: found[1], ts: `${found[2]}.${found[3]}`, thread: url.searchParams.get("thread_ts") };
}

export function pathOf(channel, ts, thread) {
  const path = `/archives/${channel}/p${ts.replace(".", "")}`;
  return thread ? `${path}?thread_ts=${thread}&cid=${channel}` : path;
}

export function isSafe(address) {
  return /^(https?:\/\/|mailto:)[^\s]+$/i.test(address);
}

export function link(address, ...label) {
  if (!isSafe(address)) return h("span", {}, ...label);
  const jump = permalink(address);
  if (!jump) return h("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, ...label);
  return h("a", { href: address, onclick: (event) => follow(event, address) }, ...label);
}

function follow(event, address) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  open(address);
}

/** Open an address: a jump for permalinks, a new tab for the rest. */
export function open(address) {
  const jump = permalink(address);
  if (jump) tell("jump", jump);
  else if (isSafe(address)) window.open(address, "_blank", "noopener,noreferrer");
}
