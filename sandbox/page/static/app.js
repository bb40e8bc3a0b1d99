// Begins here: asks who there is, then listens.

import "./sidebar.js";
import "./channel.js";
import "./thread.js";
import "./modal.js";
import "./stage.js";
import { avatar } from "./avatar.js";
import { h, show } from "./dom.js";
import { look, place } from "./place.js";
import { listen, on, person, state } from "./store.js";

const tabbar = document.getElementById("tabbar");
const VIEWS = { workspace: "Slack", stage: "Cluster" };

on("place", drawView);
on("hello", () => {
  document.body.classList.toggle("without-slack", !state.workspace);
  if (state.me) sessionStorage.setItem("act-as", state.me);
  document.title = `${state.scenario.name} · eks-upgrade-bot sandbox`;
  if (!state.workspace) look("stage");
});

/** On a narrow screen one view is there at a time. */
function drawView() {
  document.body.dataset.view = place.view;
  const me = state.me && person(state.me)?.real_name;
  show(
    tabbar,
    me && h("button", { type: "button", class: "acting-as", "aria-label": `Acting as ${me}: act as somebody else`, onclick: () => look("sidebar") }, avatar(state.me, "tiny"), `as ${me}`),
    ...Object.entries(VIEWS).map(([view, label]) =>
      h("button", { type: "button", "aria-current": place.view === view ? "page" : null, onclick: () => look(view) }, label),
    ),
  );
}

const response = await fetch("/api/people");
const people = await response.json();
const before = sessionStorage.getItem("act-as");
drawView();
listen(people.includes(before) ? before : (people[0] ?? null), null);
