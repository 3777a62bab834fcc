"use client";
// What the browser does with the decision of the server: it counts once it is seen.
import { useEffect, useRef } from "react";
import { BanditClient } from "bandit-svc-client";

const client = new BanditClient("http://localhost:8000", {
  key: "bpk_YOUR_PUBLISHABLE_KEY",
});
const HEADLINES = {
  "summer-dress": "Summer dresses",
  sandals: "Sandals for the beach",
};

export function Hero({ variant, decisionId }) {
  const element = useRef(null);
  useEffect(() => client.observe(element.current, decisionId), [decisionId]);
  return (
    <section id="hero" ref={element} data-variant={variant} data-decision={decisionId}>
      <h1>{HEADLINES[variant]}</h1>
      <button onClick={() => client.reward(decisionId, 1)}>Buy now</button>
    </section>
  );
}
