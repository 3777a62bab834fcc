// A page of Next's app router: the server asks, and the variant is in its HTML.
import { cookies, headers } from "next/headers";
import { BanditClient } from "bandit-svc-client";

import { Hero } from "./hero.jsx";

export default async function Page() {
  const client = new BanditClient("http://localhost:8000", {
    key: "bpk_YOUR_PUBLISHABLE_KEY",
    timeoutMs: 300,
  });
  // A middleware sets the cookie, so that a visitor keeps its group.
  const visitor = (await cookies()).get("visitor")?.value;
  const agent = (await headers()).get("user-agent") ?? "";
  const decision = await client.decide("homepage-hero", {
    unitId: visitor,
    context: { device: agent.includes("Mobile") ? "mobile" : "desktop" },
    fallback: "summer-dress",
    // It counts when the visitor's browser shows it, and not when it is prepared.
    defer: true,
  });
  return <Hero variant={decision.variant} decisionId={decision.decisionId} />;
}
