// The pane beside the channel: one thread.

import { composer } from "./composer.js";
import { h, show } from "./dom.js";
import { drawMessages } from "./message.js";
import { closeThread, HOME, place } from "./place.js";
import { channel, on, replies, state } from "./store.js";

const root = document.getElementById("thread");
const title = h("p", {});
const parent = h("div", { class: "messages parent" });
const count = h("div", { class: "reply-divider" });
const list = h("div", { class: "messages", role: "log", "aria-label": "Replies" });
const scroller = h("div", { class: "scroller", tabindex: 0 }, parent, count, list);
const typing = composer(() => ({ channel: place.channel, thread_ts: place.thread, placeholder: "Reply…" }));

root.append(
  h(
    "header",
    { class: "pane-header" },
    h("h2", {}, "Thread"),
    title,
    h("button", { type: "button", class: "close", "aria-label": "Close thread", onclick: closeThread }, "×"),
  ),
  scroller,
  typing,
);
root.addEventListener("keydown", (event) => {
  // Somebody in the middle of a sentence does not mean to leave.
  const writing = event.target.matches("textarea") && event.target.value;
  if (event.key === "Escape" && !event.defaultPrevented && !writing) closeThread();
});

let drawn = null;

on("place", draw);
on("messages", (changed) => changed.some((one) => one.channel === place.channel) && draw());

on("sent", (thread) => thread && (scroller.scrollTop = scroller.scrollHeight));

function draw() {
  const message = state.workspace && place.thread && place.channel !== HOME ? state.messages.get(place.channel)?.get(place.thread) : null;
  root.hidden = !message;
  document.body.classList.toggle("with-thread", Boolean(message));
  if (!message) return void (drawn = null);
  const moved = drawn !== message.ts;
  const atEnd = moved || scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 60;
  drawn = message.ts;
  const answers = replies(message.channel, message.ts);
  show(title, `#${channel(message.channel)?.name ?? ""}`);
  drawMessages(parent, [message], { inThread: true });
  count.hidden = !answers.length;
  show(count, `${answers.length} ${answers.length === 1 ? "reply" : "replies"}`);
  drawMessages(list, answers, { inThread: true });
  typing.refresh();
  const found = place.highlight && list.querySelector(`[data-ts="${CSS.escape(place.highlight)}"]`);
  if (found && moved) found.scrollIntoView({ block: "center" });
  else if (atEnd) scroller.scrollTop = scroller.scrollHeight;
}
