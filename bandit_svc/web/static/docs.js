// Opens the viewer of /docs when it is asked for: it is large, and the page says all of
// it without one.
addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("open-viewer");
  const place = document.getElementById("viewer");
  if (!button || !place) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    button.hidden = true;
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = place.dataset.style;
    const script = document.createElement("script");
    script.src = place.dataset.script;
    script.addEventListener("load", () => {
      SwaggerUIBundle({
        url: place.dataset.document,
        domNode: place,
        docExpansion: "list",
        defaultModelsExpandDepth: -1,
        // No other host is asked, not even for a badge.
        validatorUrl: null,
      });
    });
    document.head.append(style, script);
  });
});
