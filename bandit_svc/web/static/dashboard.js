// Live parts of a page, refreshed by htmx: not while nobody looks, and what a
// visitor has opened stays open, and what they type stays as they type it.
"use strict";
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.target.hasAttribute("data-live")) event.preventDefault();
});
Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
  !(name === "open" && node.localName === "details");
Idiomorph.defaults.ignoreActiveValue = true;
