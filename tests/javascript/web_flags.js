// OpenFeature's SDK for pages with its OFREP provider; the page asks by `flags`.
import { OpenFeature } from "@openfeature/web-sdk";
import { OFREPWebProvider } from "@openfeature/ofrep-web-provider";
import { reporting } from "bandit-svc-client/openfeature";

const BanditProvider = reporting(OFREPWebProvider);

window.flags = {
  async plain(baseUrl, key, visitor) {
    const headers = [["Authorization", `Bearer ${key}`]];
    const options = { baseUrl, headers, pollInterval: 200, cacheMode: "disabled" };
    await OpenFeature.setProviderAndWait(new OFREPWebProvider(options), visitor);
    const client = OpenFeature.getClient();
    window.client = client;
    return client.getStringDetails("banner", "-");
  },
  async reporting(baseUrl, key, visitor) {
    const options = { baseUrl, key, pollInterval: 0 };
    await OpenFeature.setProviderAndWait(new BanditProvider(options), visitor);
    const client = OpenFeature.getClient();
    window.client = client;
    return client.getStringDetails("banner", "-");
  },
  buy(details) {
    client.track("bought", { value: 1, eventId: "e-1", ...details });
  },
};
document.body.dataset.ready = "yes";
