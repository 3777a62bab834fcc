/**
 * bandit_svc for pages. One module, no dependency. Nothing that it does throws into
 * the page: without an answer in time, `decide` resolves to the fallback.
 */
export const VERSION = "1.1.0";

const STORED = "bandit_unit";
const FLUSH_MS = 50;
const FIRST_RETRY_MS = 1000;
const MOST_RETRIES = 8;
const MOST_WAITING = 1000;
const MOST_DECIDED = 100;
// A browser sends at most 64 KiB on leaving; a character has up to three bytes.
const MOST_CHARACTERS = 20000;
// Where an item stands in a body, and its answer in the answer.
const LISTS = { rewards: "rewards", events: "events", decision_ids: "activations" };
// Shares of an element that an observer tells of: each hundredth up to the half.
const SHARES = Array.from({ length: 51 }, (_, i) => i / 100);

let pageUnit;

const quietly = (act) => {
  try {
    return act();
  } catch {
    return undefined;
  }
};

const random = () => {
  const bytes = new Uint8Array(16);
  // Also on pages without TLS, where `crypto.randomUUID` is missing.
  try {
    crypto.getRandomValues(bytes);
  } catch {
    bytes.forEach((_, i) => (bytes[i] = Math.random() * 256));
  }
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
};

const isPrerendered = () => typeof document === "object" && document.prerendering === true;

// The same names in another order make the same text.
const sorted = (_, value) =>
  value && typeof value === "object" && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort())
    : value;

export class BanditClient {
  #url;
  #key;
  #timeoutMs;
  #persist;
  #unit;
  #decided = new Map();
  #waiting = [];
  #timer;
  #retries = 0;
  #isSending = false;

  constructor(baseUrl, options) {
    const { key, timeoutMs, persist } = options || {};
    this.#url = String(baseUrl ?? "").replace(/\/+$/, "");
    this.#key = key;
    this.#timeoutMs = timeoutMs >= 0 ? timeoutMs : 1000;
    this.#persist = persist;
    quietly(() => {
      addEventListener("pagehide", () => this.#leave());
      document.addEventListener("visibilitychange", () => {
        if (document.visibilityState === "hidden") this.#leave();
      });
    });
  }

  /** The unit of this page: random, and kept in localStorage with `persist`. */
  get unitId() {
    if (!this.#unit) {
      const kept = this.#persist && quietly(() => localStorage.getItem(STORED));
      this.#unit = kept || (pageUnit ||= random());
      if (this.#persist) quietly(() => localStorage.setItem(STORED, this.#unit));
    }
    return this.#unit;
  }

  /** Ask which variant to show, or one a slot; the same question gets the same promise. */
  decide(experiment, options) {
    const { unitId, context, fallback, defer, slots, pinned, distinctBy } = options || {};
    const failed = (error) => ({
      variant: fallback ?? null,
      payload: null,
      decisionId: null,
      propensity: null,
      source: "fallback",
      error: String(error?.message ?? error),
    });
    try {
      const unit = String(unitId ?? this.unitId);
      const asked = { experiment, unit_id: unit, context: context ?? {}, slots, pinned };
      asked.distinct_by = distinctBy;
      const name = JSON.stringify([asked, !!defer], sorted);
      let decision = this.#decided.get(name);
      if (!decision) {
        decision = this.#inTime(asked, !!defer).catch(failed);
        if (this.#decided.size >= MOST_DECIDED) {
          this.#decided.delete(this.#decided.keys().next().value);
        }
        this.#decided.set(name, decision);
      }
      return decision;
    } catch (error) {
      return Promise.resolve(failed(error));
    }
  }

  /** Report that the variant of a deferred decision was shown. */
  activate(decisionId) {
    if (!isPrerendered()) this.#add("decision_ids", decisionId, decisionId);
    else this.#whenShown(() => this.activate(decisionId));
  }

  /** Activate a deferred decision when half of an element, or of the window, shows it. */
  observe(element, decisionId) {
    if (!decisionId || !element) return;
    quietly(() => {
      if (typeof IntersectionObserver !== "function") return this.activate(decisionId);
      const isSeen = ({ isIntersecting, intersectionRatio, intersectionRect, rootBounds }) =>
        isIntersecting &&
        (intersectionRatio >= 0.5 || intersectionRect.height * 2 >= rootBounds?.height);
      const observer = new IntersectionObserver(
        (entries) => {
          if (!entries.some(isSeen)) return;
          observer.disconnect();
          this.activate(decisionId);
        },
        { threshold: SHARES },
      );
      observer.observe(element);
    });
  }

  /** Report a reward of a decision; a fallback, which has no id, gets none. */
  reward(decisionId, value, options) {
    const { rewardId, metric } = options || {};
    const item = { decision_id: decisionId, value, reward_id: rewardId, metric };
    this.#add("rewards", item, decisionId);
  }

  /** Report what a unit did. */
  track(event, options) {
    const { unitId, value, properties, eventId, decisionId } = options || {};
    const item = {
      unit_id: String(unitId ?? this.unitId),
      event,
      value,
      properties,
      // Named here, so that sending it twice counts once.
      event_id: eventId ?? random(),
      decision_id: decisionId ?? undefined,
    };
    this.#add("events", item, event);
  }

  async #inTime(asked, defer) {
    const stop = new AbortController();
    // A page that nobody sees yet shows nothing: its decisions count once it is seen.
    const isHidden = isPrerendered();
    const body = { ...asked, defer: defer || isHidden || undefined };
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`no answer within ${this.#timeoutMs} ms`));
        stop.abort();
      }, this.#timeoutMs);
    });
    try {
      const decision = await Promise.race([this.#ask(body, stop.signal), late]);
      if (isHidden && !defer) this.activate(decision.decisionId);
      return decision;
    } finally {
      clearTimeout(timer);
    }
  }

  async #ask(body, signal) {
    const headers = { "Content-Type": "application/json" };
    if (this.#key) headers.Authorization = `Bearer ${this.#key}`;
    const response = await fetch(`${this.#url}/v1/decisions`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
      signal,
      credentials: "omit",
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer?.detail ?? `status ${response.status}`);
    const { decision_id: decisionId, propensity } = answer;
    const slots = answer.slots?.map(({ decision_id, ...slot }) => ({
      ...slot,
      decisionId: decision_id,
    }));
    // A page is told by its first slot, for those who show one thing alone.
    const { variant, payload } = slots?.[0] ?? answer;
    if (typeof variant !== "string" || typeof decisionId !== "string") {
      throw new Error("the answer is not a decision");
    }
    return { variant, payload: payload ?? null, decisionId, propensity, slots, source: "service" };
  }

  #whenShown(act) {
    quietly(() => document.addEventListener("prerenderingchange", act, { once: true }));
  }

  #add(list, item, name) {
    if (name === undefined || name === null || name === "") return;
    quietly(() => {
      this.#waiting.push([list, JSON.stringify(item)]);
      this.#waiting.splice(0, this.#waiting.length - MOST_WAITING);
      this.#retries = 0;
      this.#later(FLUSH_MS);
    });
  }

  #later(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#flush(), ms);
  }

  // Take what fits into one request; the key is in the body, since a beacon has no
  // headers, and since text of a page of another origin needs no question beforehand.
  #take() {
    const items = [];
    let length = 0;
    while (this.#waiting.length) {
      length += this.#waiting[0][1].length;
      if (items.length && length > MOST_CHARACTERS) break;
      items.push(this.#waiting.shift());
    }
    const lists = Object.keys(LISTS).map((list) => {
      const those = items.filter(([of]) => of === list).map(([, text]) => text);
      return `"${list}":[${those}]`;
    });
    return [items, `{"key":${JSON.stringify(this.#key ?? null)},${lists}}`];
  }

  async #send(body) {
    const headers = { "Content-Type": "text/plain" };
    const how = { method: "POST", headers, body, credentials: "omit", keepalive: true };
    return fetch(`${this.#url}/v1/outcomes`, how);
  }

  async #flush() {
    if (this.#isSending || !this.#waiting.length) return;
    this.#isSending = true;
    const [items, body] = this.#take();
    let again = items;
    try {
      const response = await this.#send(body);
      const mayRepeat = ({ status }) => status === 429 || status >= 500;
      const answer = await response.json();
      if (response.ok) {
        again = items.filter(([list]) => mayRepeat(answer[LISTS[list]].shift() ?? {}));
      } else if (!mayRepeat(response)) {
        again = [];
        console.warn(`bandit_svc: ${items.length} reports were refused: ${answer?.detail}`);
      }
    } catch {
      // No answer, or none of the service: they are sent again.
    }
    this.#isSending = false;
    this.#waiting.unshift(...again);
    this.#retries = again.length ? this.#retries + 1 : 0;
    if (this.#waiting.length && this.#retries < MOST_RETRIES) {
      this.#later(again.length ? FIRST_RETRY_MS * 2 ** (this.#retries - 1) : FLUSH_MS);
    }
  }

  #leave() {
    quietly(() => {
      while (this.#waiting.length) {
        const [items, body] = this.#take();
        const isTaken = quietly(() => navigator.sendBeacon(`${this.#url}/v1/outcomes`, body));
        if (!isTaken) this.#send(body).catch(() => this.#waiting.unshift(...items));
      }
    });
  }
}
