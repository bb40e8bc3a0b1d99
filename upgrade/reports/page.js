"use strict";
// Filters over what is in the page already. Without scripts everything is shown and the filters are not.
const form = document.querySelector(".filters");
const rows = [...document.querySelectorAll("[data-severity]")];
const holders = [...document.querySelectorAll("[data-holds]")].reverse();
const count = document.querySelector("#shown");

function apply() {
  const wanted = new FormData(form);
  const words = wanted.get("text").toLowerCase().split(/\s+/).filter(Boolean);
  const [severity, phase, hop] = ["severity", "phase", "hop"].map((name) => wanted.get(name));
  const active = Boolean(severity || phase || hop || words.length);
  let shown = 0;
  for (const row of rows) {
    const { severity: own, phases, hops } = row.dataset;
    const text = (row.closest(".card").dataset.holds + " " + row.textContent).toLowerCase();
    row.hidden = Boolean(
      (severity && own !== severity) ||
      (phase && !phases.split(" ").includes(phase) && !phases.split(" ").includes("all")) ||
      (hop && !hops.split(" ").includes(hop)) ||
      !words.every((word) => text.includes(word))
    );
    shown += row.hidden ? 0 : 1;
  }
  for (const holder of holders) {
    holder.hidden = active && !holder.querySelector("[data-severity]:not([hidden])");
    if (active && holder.tagName === "DETAILS") holder.open = !holder.hidden;
  }
  count.textContent = active ? `${shown} of ${rows.length} findings` : "";
}

form.hidden = false;
form.addEventListener("input", apply);
form.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details")) folded.open = true;
});
