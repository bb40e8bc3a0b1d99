// One message, and lists of them that change in place.

import { act } from "./api.js";
import { avatar } from "./avatar.js";
import { blocks } from "./blocks.js";
import { announce, h, keep } from "./dom.js";
import { answersOf } from "./elements.js";
import { emojiNamed, glyph } from "./emoji.js";
import { mrkdwn } from "./mrkdwn.js";
import { openThread, place } from "./place.js";
import { mentions, person, replies, state } from "./store.js";
import { clockTime, dayName, fullTime, toDomain } from "./time.js";

const TOGETHER_SECONDS = 300;
const failures = new Map(); // message key -> what Slack says under it

const at = (message) => toDomain(Number(message.ts));

/**
 * Draw messages into a list, each in place.
 * @param inThread replies are not offered there again
 */
export function drawMessages(list, messages, { inThread = false } = {}) {
  const items = [];
  let before = null;
  for (const message of messages) {
    const day = dayName(at(message));
    if (!inThread && (!before || dayName(at(before)) !== day)) items.push({ divider: day, ts: `day ${day}` });
    items.push(itemOf(message, before, inThread));
    before = message;
  }
  keep(list, items, (item) => item.ts, (item) => (item.divider ? dayDivider(item.divider) : draw(item, inThread)));
}

function itemOf(message, before, inThread) {
  const follows =
    before !== null &&
    before.author === message.author &&
    !before.only_for_you &&
    !message.only_for_you &&
    at(message) - at(before) < TOGETHER_SECONDS &&
    (inThread || !replies(before.channel, before.ts).length);
  const answers = inThread || message.is_reply ? [] : replies(message.channel, message.ts);
  return {
    ts: message.ts,
    message,
    follows,
    me: state.me,
    failure: failures.get(message.channel + message.ts) ?? null,
    replies: answers.length && { count: answers.length, who: [...new Set(answers.map((one) => one.author))].slice(0, 4), last: answers.at(-1).ts },
    highlight: place.highlight === message.ts,
  };
}

function dayDivider(day) {
  return h("div", { class: "day-divider", role: "separator", "aria-label": day }, h("span", {}, day[0].toUpperCase() + day.slice(1)));
}

function draw(item, inThread) {
  const { message } = item;
  const classes = ["message", item.follows && "follows", message.only_for_you && "ephemeral", item.highlight && "highlight", mentions(message) && "mentions-me"];
  const body = h("div", { class: "message-body" });
  if (message.only_for_you) body.append(h("div", { class: "only-you" }, eye(), "Only visible to you"));
  if (message.is_reply && !inThread) body.append(h("div", { class: "broadcast" }, "replied to a thread"));
  if (!item.follows) body.append(byline(message));
  body.append(content(message));
  if (item.failure) body.append(h("div", { class: "failure", role: "alert" }, item.failure));
  body.append(...reactions(message), ...(item.replies ? [replyBar(message, item.replies)] : []));
  const time = h("time", { class: "side-time", title: fullTime(at(message)) }, clockTime(at(message)));
  const face = item.follows ? time : avatar(message.author);
  const hover = !inThread && !message.only_for_you && !message.is_reply ? hoverBar(message) : null;
  return h("article", { class: classes.filter(Boolean).join(" "), "data-ts": message.ts, "aria-label": spoken(message) }, face, body, hover);
}

function spoken(message) {
  return `${person(message.author)?.real_name ?? message.author}, ${clockTime(at(message))}`;
}

function byline(message) {
  const author = person(message.author);
  return h(
    "div",
    { class: "byline" },
    h("span", { class: "author" }, author?.real_name ?? message.author),
    author?.is_bot ? h("span", { class: "app-badge" }, "APP") : null,
    h("time", { title: fullTime(at(message)) }, clockTime(at(message))),
  );
}

function content(message) {
  const key = message.channel + message.ts;
  const surface = {
    key,
    answers: new Map(),
    use: async (block, one, value) => {
      failures.delete(key);
      return act("click", {
        channel: message.channel,
        ts: message.ts,
        action_id: one.action_id,
        block_id: block.block_id,
        value,
        state: answersOf(surface),
      });
    },
    failed: (error) => {
      failures.set(key, `That did not work: ${error}`);
      announce(`That did not work: ${error}`);
      const node = document.querySelectorAll(`[data-ts="${CSS.escape(message.ts)}"] .message-body`);
      for (const each of node) {
        each.querySelector(".failure")?.remove();
        each.append(h("div", { class: "failure", role: "alert" }, failures.get(key)));
      }
    },
  };
  if (message.blocks.length) return h("div", { class: "content blocks" }, ...blocks(message.blocks, surface), ...extras(message));
  const edited = message.edited && !message.by_bot ? h("span", { class: "edited" }, " (edited)") : null;
  return h("div", { class: "content" }, ...mrkdwn(message.text), edited, ...extras(message));
}

function extras(message) {
  const attached = message.attachments.map((one) =>
    h("div", { class: "attachment" }, ...(one.blocks ? blocks(one.blocks, { key: message.ts, answers: new Map(), use: async () => ({ ok: false }) }) : mrkdwn(one.text ?? one.fallback ?? ""))),
  );
  return [...attached, ...message.files.map(fileCard)];
}

const FILE_NOTES = { page: "opens in a tab of its own", image: "image", text: "download" };

function fileCard(file) {
  const address = `/api/files/${encodeURIComponent(file.id)}`;
  const opens = { href: address, target: "_blank", rel: "noopener noreferrer" };
  const ending = file.name.includes(".") ? file.name.split(".").at(-1).slice(0, 4).toUpperCase() : "FILE";
  const size = file.size < 1024 ? `${file.size} B` : `${Math.round(file.size / 1024)} KB`;
  return h(
    "div",
    { class: "file" },
    h("span", { class: `file-icon ${file.kind}`, "aria-hidden": "true" }, ending),
    h(
      "div",
      { class: "file-words" },
      h("a", { class: "file-name", ...opens }, file.name),
      file.title !== file.name ? h("div", { class: "file-title" }, file.title) : null,
      h("div", { class: "file-note" }, `${size} · ${FILE_NOTES[file.kind]}`),
    ),
    file.kind === "image" ? h("a", { class: "file-image", ...opens }, h("img", { src: address, alt: file.alt || file.title })) : null,
  );
}

function reactions(message) {
  const given = Object.entries(message.reactions);
  if (!given.length) return [];
  const pills = given.map(([name, users]) =>
    h("span", { class: users.includes(state.me) ? "reaction mine" : "reaction", title: `:${name}:` }, emojiNamed(name) ? glyph(emojiNamed(name)) : `:${name}:`, ` ${users.length}`),
  );
  return [h("div", { class: "reactions" }, ...pills)];
}

function replyBar(message, answers) {
  const count = `${answers.count} ${answers.count === 1 ? "reply" : "replies"}`;
  const last = toDomain(Number(answers.last));
  return h(
    "button",
    { type: "button", class: "reply-bar", onclick: () => openThread(message.ts) },
    ...answers.who.map((id) => avatar(id, "tiny")),
    h("span", { class: "reply-count" }, count),
    h("span", { class: "reply-last", title: fullTime(last) }, `Last reply ${dayName(last)} at ${clockTime(last)}`),
  );
}

function hoverBar(message) {
  return h(
    "div",
    { class: "hover-bar" },
    h("button", { type: "button", "aria-label": "Reply in thread", title: "Reply in thread", onclick: () => openThread(message.ts) }, bubble()),
  );
}

function bubble() {
  return h("span", { class: "bubble", "aria-hidden": "true" });
}

function eye() {
  return h("span", { class: "eye", "aria-hidden": "true" });
}
