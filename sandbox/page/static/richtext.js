// rich_text blocks as DOM nodes.

import { h } from "./dom.js";
import { emojiNamed, glyph, withEmoji } from "./emoji.js";
import { link } from "./links.js";
import { channelMention, groupMention, mention } from "./mrkdwn.js";
import { fullTime, slackDate } from "./time.js";

const STYLES = { bold: "strong", italic: "em", strike: "s", code: "code", underline: "u", highlight: "mark" };

export function richText(block) {
  return block.elements.map((element) => (PARTS[element.type] ?? unknown)(element));
}

const PARTS = {
  rich_text_section: (part) => h("div", { class: "rich-section" }, ...inlines(part.elements)),
  rich_text_quote: (part) => h("blockquote", {}, ...inlines(part.elements)),
  rich_text_preformatted: (part) => h("pre", { class: "code-block" }, ...inlines(part.elements)),
  rich_text_list: (part) =>
    h(
      part.style === "ordered" ? "ol" : "ul",
      { class: `rich-list indent-${Math.min(8, part.indent ?? 0)}`, start: part.style === "ordered" ? (part.offset ?? 0) + 1 : null },
      ...part.elements.map((item) => h("li", {}, ...inlines(item.elements))),
    ),
};

function unknown(part) {
  return h("div", { class: "unknown-block" }, `(${part.type})`);
}

function inlines(elements) {
  return elements.flatMap((element) => styled(inline(element), element.style));
}

function inline(element) {
  switch (element.type) {
    case "text":
      return withEmoji(element.text, false).flatMap((node) => (node.nodeType === Node.TEXT_NODE ? broken(node.textContent) : [node]));
    case "link":
      return [link(element.url, element.text || element.url)];
    case "user":
      return [mention(element.user_id)];
    case "usergroup":
      return [groupMention(element.usergroup_id)];
    case "channel":
      return [channelMention(element.channel_id)];
    case "emoji":
      return [emojiNamed(element.name) ? glyph(emojiNamed(element.name)) : `:${element.name}:`];
    case "broadcast":
      return [h("span", { class: "mention me" }, `@${element.range}`)];
    case "date":
      return [h("time", { title: fullTime(element.timestamp) }, slackDate(element.timestamp, element.format))];
    default:
      return [`(${element.type})`];
  }
}

function broken(text) {
  return text.split("\n").flatMap((line, index) => (index ? [h("br"), line] : [line]));
}

function styled(nodes, style = {}) {
  let wrapped = nodes;
  for (const [name, tag] of Object.entries(STYLES)) if (style[name]) wrapped = [h(tag, {}, ...wrapped)];
  return wrapped;
}
