// Slack's confirmation dialog: what a button asks before it does anything.

import { h } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { mrkdwn } from "./mrkdwn.js";

/** Ask; resolves to true when the person agrees. */
export function confirmed(ask) {
  return new Promise((resolve) => {
    const body = ask.text.type === "mrkdwn" ? mrkdwn(ask.text.text) : withEmoji(ask.text.text);
    const style = ask.style === "danger" ? "danger" : "primary";
    const answer = (yes) => () => {
      dialog.close();
      resolve(yes);
    };
    const yes = h("button", { type: "button", class: `slack-button ${style}`, onclick: answer(true) }, ask.confirm.text);
    const dialog = h(
      "dialog",
      { class: "modal confirm", "aria-label": ask.title.text, oncancel: answer(false), onclose: () => dialog.remove() },
      h("header", {}, h("h2", {}, ask.title.text)),
      h("div", { class: "modal-body" }, ...body),
      h("footer", {}, h("button", { type: "button", class: "slack-button", onclick: answer(false) }, ask.deny.text), yes),
    );
    document.body.append(dialog);
    dialog.showModal();
    yes.focus();
  });
}
