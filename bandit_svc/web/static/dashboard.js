// Rules for the parts of a page that htmx refreshes. A hidden page is not refreshed.
// What a visitor has opened stays open, and what they type during a refresh is kept. The
// options of a menu may change; idiomorph does not change the menu that is in use. While a
// button of the mouse is down, a checked form keeps its place: a message that appeared
// above the button would move it away, and the click would be lost.
"use strict";
const TYPED = new Set(["value", "checked"]);
let answersTyping = false;
let pointerIsDown = false;
let heldForm = null;
document.addEventListener("pointerdown", () => { pointerIsDown = true; }, true);
for (const end of ["pointerup", "pointercancel"]) {
  document.addEventListener(end, () => {
    pointerIsDown = false;
    if (heldForm) setTimeout(htmx.trigger, 0, heldForm, "change");
    heldForm = null;
  }, true);
}
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.target.hasAttribute("data-live")) event.preventDefault();
});
document.addEventListener("htmx:beforeSwap", (event) => {
  const asker = event.detail.requestConfig.elt;
  answersTyping = asker.hasAttribute("data-typed");
  if (answersTyping && pointerIsDown) {
    event.detail.shouldSwap = false;
    heldForm = asker;
  }
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
