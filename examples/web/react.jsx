// A part of a page of React: the fallback at first, then the variant that was decided.
import { useEffect, useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import { BanditClient } from "bandit-svc-client";

const client = new BanditClient("http://localhost:8000", {
  key: "bpk_YOUR_PUBLISHABLE_KEY",
  timeoutMs: 500,
});
const HEADLINES = {
  "summer-dress": "Summer dresses",
  sandals: "Sandals for the beach",
};

/** Each component that asks for the same gets the same; a decision counts when seen. */
function useDecision(experiment, fallback) {
  const [decision, setDecision] = useState({ variant: fallback, decisionId: null });
  const element = useRef(null);
  useEffect(() => {
    let isMounted = true;
    client.decide(experiment, { fallback, defer: true }).then((made) => {
      if (isMounted) setDecision(made);
    });
    return () => {
      isMounted = false;
    };
  }, [experiment, fallback]);
  useEffect(() => {
    client.observe(element.current, decision.decisionId);
  }, [decision.decisionId]);
  return [decision, element];
}

function Hero() {
  const [decision, element] = useDecision("homepage-hero", "summer-dress");
  const { variant, decisionId, source } = decision;
  return (
    <section
      id="hero"
      ref={element}
      data-variant={variant}
      data-source={source}
      style={{ blockSize: "12rem", overflow: "hidden" }}
    >
      <h1>{HEADLINES[variant] ?? HEADLINES["summer-dress"]}</h1>
      <button onClick={() => client.reward(decisionId, 1)}>Buy now</button>
    </section>
  );
}

createRoot(document.querySelector("#app")).render(<Hero />);
