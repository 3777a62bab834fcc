/**
 * Makes a provider of OpenFeature for OFREP report what is tracked, and on pages which
 * flags were read. Flags are evaluated by the provider itself.
 */
import { BanditClient } from "./client.js";

export const reporting = (Provider) =>
  class extends Provider {
    #client;

    constructor(options, ...rest) {
      const { baseUrl, key, headers } = options;
      // The provider for pages knows pairs alone.
      const sent = Array.isArray(headers) ? [...headers] : Object.entries(headers ?? {});
      if (key) sent.push(["Authorization", `Bearer ${key}`]);
      super({ ...options, headers: sent }, ...rest);
      this.#client = new BanditClient(baseUrl, { key });
      // A page asks for all flags at once: those that it reads are those it shows.
      if (this.runsOn === "client") {
        const seen = new Set();
        const after = (_, details) => {
          const id = details.flagMetadata?.decisionId;
          if (!id || seen.has(id)) return;
          seen.add(id);
          this.#client.activate(id);
        };
        this.hooks = [...(this.hooks ?? []), { after }];
      }
    }

    track(event, context, details) {
      const unitId = context?.targetingKey;
      if (!unitId) return;
      const { value, decisionId, eventId, ...properties } = details ?? {};
      this.#client.track(event, { unitId, value, decisionId, eventId, properties });
    }
  };
