// Slack's mrkdwn as DOM nodes: bold, italic, strike, code, quotes, links, mentions, dates, emoji.

import { h } from "./dom.js";
import { emojiNamed, glyph, withEmoji } from "./emoji.js";
import { isSafe, link } from "./links.js";
import { channel, group, person, state, tell } from "./store.js";
import { fullTime, slackDate } from "./time.js";

const MARKS = { "*": "strong", _: "em", "~": "s" };

export function unescaped(text) {
  return text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");
}

/** mrkdwn as nodes. `verbatim` leaves bare addresses alone. */
export function mrkdwn(text, { verbatim = false } = {}) {
  const nodes = [];
  text.split(/```\n?([\s\S]*?)```\n?/).forEach((part, index) => {
    if (index % 2) nodes.push(h("pre", { class: "code-block" }, codeText(part.replace(/\n$/, ""))));
    else if (part) nodes.push(...lines(part, verbatim));
  });
  return nodes;
}

function lines(text, verbatim) {
  const nodes = [];
  let quote = null;
  let rest = false;
  text.split("\n").forEach((line, index, all) => {
    const opening = /^(?:&gt;|>)(?:&gt;|>){2}\s?/.exec(line);
    const quoted = rest ? [""] : opening ?? /^(?:&gt;|>)\s?/.exec(line);
    if (quoted) {
      if (opening) rest = true;
      if (!quote) nodes.push((quote = h("blockquote", {})));
      else quote.append(h("br"));
      quote.append(...inline(line.slice(quoted[0].length), verbatim));
      return;
    }
    const afterQuote = quote !== null;
    quote = null;
    if (index > 0 && !afterQuote) nodes.push(h("br"));
    if (line || index < all.length - 1) nodes.push(...inline(line, verbatim));
  });
  return nodes;
}

/** One line: walks through it once; what opens without closing stays text. */
function inline(text, verbatim) {
  const nodes = [];
  let plain = "";
  const flush = () => {
    if (plain) nodes.push(...words(plain, verbatim));
    plain = "";
  };
  for (let at = 0; at < text.length; ) {
    const found = tokenAt(text, at, verbatim);
    if (found) {
      flush();
      nodes.push(...found.nodes);
      at = found.end;
    } else {
      plain += text[at];
      at += 1;
    }
  }
  flush();
  return nodes;
}

function tokenAt(text, at, verbatim) {
  const sign = text[at];
  if (sign === "`") {
    const end = text.indexOf("`", at + 1);
    return end > at + 1 ? { nodes: [code(codeText(text.slice(at + 1, end)))], end: end + 1 } : null;
  }
  if (sign === "<") {
    const end = text.indexOf(">", at);
    const nodes = end > at ? reference(text.slice(at + 1, end)) : null;
    return nodes && { nodes, end: end + 1 };
  }
  if (sign === ":") {
    const found = /^:([a-z0-9_+-]+):/.exec(text.slice(at, at + 60));
    const character = found && emojiNamed(found[1]);
    return character ? { nodes: [glyph(character)], end: at + found[0].length } : null;
  }
  return sign in MARKS ? marked(text, at, verbatim) : null;
}

function marked(text, at, verbatim) {
  const sign = text[at];
  if (/[\p{L}\p{N}]/u.test(text[at - 1] ?? " ") || /[\s]/.test(text[at + 1] ?? " ") || text[at + 1] === sign) return null;
  const end = closing(text, at, sign);
  if (end < 0) return null;
  return { nodes: [h(MARKS[sign], {}, ...inline(text.slice(at + 1, end), verbatim))], end: end + 1 };
}

function closing(text, at, sign) {
  for (let end = at + 1; end < text.length; end += 1) {
    if (text[end] === "`" || text[end] === "<") {
      const skip = text.indexOf(text[end] === "`" ? "`" : ">", end + 1);
      if (skip > 0) end = skip;
    } else if (text[end] === sign && end > at + 1 && !/\s/.test(text[end - 1])) {
      if (!/[\p{L}\p{N}]/u.test(text[end + 1] ?? " ")) return end;
    }
  }
  return -1;
}

function words(text, verbatim) {
  if (verbatim) return withEmoji(unescaped(text));
  return text.split(/(https?:\/\/[^\s<>|]+[^\s<>|.,;:!?)])/).flatMap((part, index) =>
    index % 2 ? [link(unescaped(part), unescaped(part))] : withEmoji(unescaped(part)),
  );
}

/** What is short enough for a phone's line, as a version is, stays in one piece. */
function code(text) {
  return h("code", { class: text.length <= 26 ? "whole" : null }, text);
}

function codeText(text) {
  return unescaped(text.replace(/<([^>|]+)(?:\|([^>]*))?>/g, (_, target, label) => label ?? target));
}

/** What stands between < and >: a mention, a date or a link. */
function reference(inner) {
  const [target, label] = split(inner);
  if (target.startsWith("@")) return [mention(target.slice(1), label)];
  if (target.startsWith("#")) return [channelMention(target.slice(1), label)];
  if (target.startsWith("!subteam^")) return [groupMention(target.slice(9), label)];
  if (target.startsWith("!date^")) return [date(target, label ?? "")];
  if (/^!(here|channel|everyone)$/.test(target)) return [h("span", { class: "mention me" }, `@${target.slice(1)}`)];
  if (isSafe(unescaped(target))) return [link(unescaped(target), ...withEmoji(unescaped(label || target)))];
  return null;
}

function split(inner) {
  const bar = inner.indexOf("|");
  return bar < 0 ? [inner, null] : [inner.slice(0, bar), inner.slice(bar + 1)];
}

export function mention(id, label) {
  const name = person(id)?.is_bot ? person(id)?.name : (person(id)?.real_name ?? unescaped(label ?? id));
  return h("span", { class: id === state.me ? "mention me" : "mention" }, `@${name}`);
}

export function groupMention(id, label) {
  const found = group(id);
  const mine = found?.users.includes(state.me);
  return h("span", { class: mine ? "mention me" : "mention" }, `@${found?.handle ?? unescaped(label ?? id)}`);
}

export function channelMention(id, label) {
  const name = channel(id)?.name ?? unescaped(label ?? id);
  if (!channel(id)) return h("span", { class: "mention" }, `#${name}`);
  return h("button", { class: "mention", type: "button", onclick: () => tell("go", id) }, `#${name}`);
}

function date(target, fallback) {
  const [, seconds, template, address] = target.split("^");
  const at = Number(seconds);
  if (!Number.isFinite(at) || !template) return h("span", {}, unescaped(fallback));
  const text = h("time", { datetime: new Date(at * 1000).toISOString(), title: fullTime(at) }, slackDate(at, template));
  return address && isSafe(address) ? link(address, text) : text;
}
