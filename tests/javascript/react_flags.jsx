// A page of React whose banner is a flag, read by OpenFeature's SDK for React.
import { createRoot } from "react-dom/client";
import { OpenFeature, OpenFeatureProvider, useStringFlagDetails, useTrack } from "@openfeature/react-sdk";
import { OFREPWebProvider } from "@openfeature/ofrep-web-provider";
import { reporting } from "bandit-svc-client/openfeature";

const { url, secretless, unit } = window.settings;
const BanditProvider = reporting(OFREPWebProvider);
OpenFeature.setContext({ targetingKey: unit, device: "phone" });
OpenFeature.setProvider(new BanditProvider({ baseUrl: url, key: secretless, pollInterval: 0 }));

function Banner() {
  const { value, variant, flagMetadata } = useStringFlagDetails("banner", "Welcome");
  const { track } = useTrack();
  const { decisionId } = flagMetadata;
  return (
    <section data-variant={variant} data-decision={decisionId}>
      <h1>{value}</h1>
      <button onClick={() => track("bought", { value: 1, decisionId })}>Buy</button>
    </section>
  );
}

createRoot(document.querySelector("#app")).render(
  <OpenFeatureProvider suspend={false}>
    <Banner />
  </OpenFeatureProvider>,
);
