// Where the person looks: a channel or the app's Home tab, perhaps a thread, and what they have read.

import { channel, mentions, on, rootMessages, state, tell } from "./store.js";
import { pathOf, permalink } from "./links.js";

export const HOME = "home";

export const place = { channel: null, thread: null, highlight: null, view: "workspace" };

const readUpTo = new Map(); // "person channel" -> ts
let openedAt = "0";

on("hello", ({ first }) => {
  if (first) openedAt = newest();
  const there = place.channel === HOME || channel(place.channel);
  if (!there) {
    const [general] = state.workspace?.channels.filter((one) => one.bot && one.kind !== "im") ?? [];
    place.channel = general?.id ?? state.workspace?.channels[0]?.id ?? null;
    place.thread = null;
  }
  if (place.thread && !state.messages.get(place.channel)?.has(place.thread)) place.thread = null;
  markRead();
  const asked = first ? permalink(location.href) : null;
  if (asked) jump(asked);
  else tell("place");
});
on("messages", (changed) => {
  if (changed.some((message) => message.channel === place.channel)) markRead();
});
on("go", go);
on("jump", jump);
addEventListener("popstate", () => {
  const asked = permalink(location.href);
  if (asked) jump(asked, { keep: true });
});

function newest() {
  const all = [...state.messages.values()].flatMap((messages) => [...messages.keys()]);
  return all.sort().at(-1) ?? "0";
}

export function go(channelId) {
  Object.assign(place, { channel: channelId, thread: null, highlight: null, view: "workspace" });
  if (location.pathname !== "/") history.pushState(null, "", "/");
  markRead();
  tell("place");
}

export function openThread(ts) {
  Object.assign(place, { thread: ts, highlight: null });
  tell("place");
}

export function closeThread() {
  openThread(null);
}

export function look(view) {
  place.view = view;
  tell("place");
}

function jump({ channel: channelId, ts, thread }, { keep = false } = {}) {
  if (!channel(channelId)) return;
  const message = state.messages.get(channelId)?.get(ts);
  const parent = thread ?? (message?.is_reply ? message.thread_ts : null);
  const hasReplies = message && !message.is_reply && message.thread_ts === ts;
  Object.assign(place, { channel: channelId, thread: parent ?? (hasReplies ? ts : null), highlight: ts, view: "workspace" });
  if (!keep) history.pushState(null, "", pathOf(channelId, ts, parent));
  markRead();
  tell("place");
}

function markRead() {
  if (!place.channel || place.channel === HOME) return;
  const last = rootMessages(place.channel).at(-1);
  const all = [...(state.messages.get(place.channel)?.keys() ?? [])].sort();
  if (last) readUpTo.set(`${state.me} ${place.channel}`, all.at(-1));
}

/** {messages, mentions}: how many came since somebody last looked there. */
export function unread(channelId, who = state.me) {
  const since = readUpTo.get(`${who} ${channelId}`) ?? openedAt;
  const fresh = [...(state.messages.get(channelId)?.values() ?? [])].filter((one) => one.ts > since && one.author !== who);
  return {
    messages: fresh.filter((one) => !one.is_reply).length,
    mentions: fresh.filter((one) => mentions(one, who)).length,
  };
}

/** How often somebody else has been called in public since they last looked: whom to act as next. */
export function calls(who) {
  const open_ = state.workspace.channels.filter((one) => one.kind === "public");
  return open_.reduce((sum, one) => sum + unread(one.id, who).mentions, 0);
}
