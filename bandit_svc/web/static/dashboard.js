// Rules for the parts of a page that htmx refreshes. A hidden page is not refreshed.
// What a visitor has opened stays open, and what they type during a refresh is kept. The
// options of a menu may change; idiomorph does not change the menu that is in use.
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
// Moving a slider makes its value known.
document.addEventListener("input", (event) => {
  const known = document.getElementById(`u-${event.target.id}`);
  if (known) known.checked = true;
}, true);
