// What whoever is on call hears outside of Slack: PagerDuty's incidents, as the bot told them.

import { h, keep } from "./dom.js";
import { link } from "./links.js";
import { state } from "./store.js";
import { clockTime, shortDay } from "./time.js";

const list = h("div", { class: "incidents" });
const none = h("p", { class: "empty" }, "Nobody was paged. When a run needs a person and nobody answers in Slack, the bot calls here, as it would call PagerDuty.");
const KINDS = { triggered: "bad", acknowledged: "busy", resolved: "good" };

export function drawPager(panel) {
  if (!panel.firstChild) panel.append(none, list);
  none.hidden = state.pager.length > 0;
  const here = state.me; // times are this person's
  keep(list, state.pager.map((one) => ({ ...one, here })), (one) => `${one.key} ${one.at}`, card);
}

function card(one) {
  const called = one.calls > 1 ? `, called ${one.calls} times` : "";
  return h(
    "section",
    { class: "card incident", "aria-label": `${one.state}: ${one.summary}` },
    h("div", { class: "incident-head" }, h("h3", {}, `${shortDay(one.at)} ${clockTime(one.at)}${called}`), h("span", { class: `status ${KINDS[one.state]}` }, one.state.toUpperCase())),
    h("strong", {}, one.summary),
    h("p", { class: "incident-text" }, rest(one)),
    h("p", { class: "where" }, one.source, one.link ? [" · ", link(one.link, "The run in Slack")] : null),
  );
}

/** The text begins with the summary, which stands above it. */
function rest({ text, summary }) {
  return text.startsWith(summary) ? text.slice(summary.length).trim() : text;
}
