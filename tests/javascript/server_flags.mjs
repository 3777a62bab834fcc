// OpenFeature's SDK for servers with its OFREP provider, as their pages show it.
// Arguments: the address of the service, and a publishable key.
import { OpenFeature } from "@openfeature/server-sdk";
import { OFREPProvider } from "@openfeature/ofrep-provider";
import { reporting } from "bandit-svc-client/openfeature";

const [baseUrl, key] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${key}` };
const visitor = { targetingKey: "u-1", device: "mobile", hour: 21 };

await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl, headers }));
const plain = OpenFeature.getClient();
const read = {
  colour: await plain.getStringDetails("colour", "-", visitor),
  switch: await plain.getBooleanDetails("switch", false, visitor),
  rows: await plain.getNumberDetails("rows", -1, visitor),
  layout: await plain.getObjectDetails("layout", {}, visitor),
  missing: await plain.getStringDetails("missing", "mine", visitor),
  nobody: await plain.getStringDetails("colour", "mine", {}),
  mistyped: await plain.getNumberDetails("colour", -1, visitor),
};

const BanditProvider = reporting(OFREPProvider);
await OpenFeature.setProviderAndWait("buying", new BanditProvider({ baseUrl, key }));
const buying = OpenFeature.getClient("buying");
const shown = await buying.getStringDetails("buy", "-", visitor);
const { decisionId } = shown.flagMetadata;
for (let i = 0; i < 2; i++) {
  buying.track("bought", visitor, { value: 1, decisionId, eventId: "e-1", item: "boots" });
}
buying.track("bought", {}, { value: 1, decisionId });
console.log(JSON.stringify({ ...read, shown }));
