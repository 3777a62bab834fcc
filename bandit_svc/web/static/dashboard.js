// Parts of a page that htmx refreshes: not while nobody looks. What a visitor has
// opened stays open, and what they have typed meanwhile stays as they typed it. Of a
// menu the options may change; idiomorph leaves alone the one that is in use.
"use strict";
const TYPED = new Set(["value", "checked"]);
let answersTyping = false;
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.target.hasAttribute("data-live")) event.preventDefault();
});
document.addEventListener("htmx:beforeSwap", (event) => {
  answersTyping = event.detail.requestConfig.elt.hasAttribute("data-typed");
});
Idiomorph.defaults.ignoreActiveValue = true;
Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
  !(name === "open" && node.localName === "details") &&
  !(answersTyping && TYPED.has(name) && node.localName !== "option");
// Who moves a slider knows its value.
document.addEventListener("input", (event) => {
  const known = document.getElementById(`u-${event.target.id}`);
  if (known) known.checked = true;
}, true);
