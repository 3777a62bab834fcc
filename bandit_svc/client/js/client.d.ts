/** Version of this module, which is its address too: /client/VERSION.js. */
export declare const VERSION: string;

export type Scalar = string | number | boolean | null;
export type Context = Record<string, Scalar | Record<string, Scalar>>;

export interface ClientOptions {
  /** A publishable key; none for a service that runs with `--dev`. */
  key?: string;
  /** Milliseconds that a decision may take in all, headers and body; 1,000 by default. */
  timeoutMs?: number;
  /**
   * Keep the random unit of this browser in localStorage. Without it the unit is of
   * this page alone. Ask for consent first where the law wants it.
   */
  persist?: boolean;
}

export interface DecideOptions {
  /** User, session or device; by default the random unit of the page. */
  unitId?: string | number;
  /** What is known of the moment; a nested object is a namespace. */
  context?: Context;
  /** The variant to show where no decision can be had in time. */
  fallback?: string;
  /** The decision counts only after `activate`, `observe`, or a reward. */
  defer?: boolean;
  /** How many places of a page to fill; then the answer has `slots`. */
  slots?: number;
  /** Variants by the numbers of their slots, such as { 1: "continue" }. */
  pinned?: Record<number, string>;
  /** No two slots get the same value of this: "features.NAME" or "payload.NAME". */
  distinctBy?: string;
}

export interface Slot<Payload = unknown> {
  /** From 1, the topmost. */
  slot: number;
  variant: string;
  payload: Payload | null;
  /** The chance of the variant, given what stands above it. */
  propensity: number;
  /** What `reward` and `observe` take for this slot. */
  decisionId: string;
  pinned?: boolean;
}

export interface Decision<Payload = unknown> {
  /** Key of the variant; null only without an answer and without a `fallback`. */
  variant: string | null;
  payload: Payload | null;
  /** Null for a fallback, of which nothing is logged. */
  decisionId: string | null;
  /** The chance that the variant was drawn with, of a page all; null for a fallback. */
  propensity: number | null;
  /** Of a page, from the top; `variant` and `payload` are those of the first. */
  slots?: Slot<Payload>[];
  source: "service" | "fallback";
  /** Why it is a fallback. */
  error?: string;
}

export interface RewardOptions {
  /** Makes a repeated report count once; by default one per decision and metric. */
  rewardId?: string;
  /** Another name than "reward" is reported and not learned from. */
  metric?: string;
}

export interface TrackOptions {
  unitId?: string | number;
  value?: number;
  properties?: Record<string, Scalar>;
  /** Makes a repeated report count once; by default a new one. */
  eventId?: string;
  /** The decision that the event is a reward of. */
  decisionId?: string | null;
}

export declare class BanditClient {
  /** @param baseUrl where the service is: "https://bandit.example". */
  constructor(baseUrl: string, options?: ClientOptions);
  /** The unit of this page: random, and kept in localStorage with `persist`. */
  get unitId(): string;
  /** Ask which variant to show; never rejects. The same question gets the same promise. */
  decide<Payload = unknown>(
    experiment: string,
    options?: DecideOptions,
  ): Promise<Decision<Payload>>;
  /** Report that the variant of a deferred decision was shown. */
  activate(decisionId: string | null): void;
  /** Activate a deferred decision when half of an element, or of the window, shows it. */
  observe(element: Element | null, decisionId: string | null): void;
  /** Report a reward of a decision; nothing is sent for null, the id of a fallback. */
  reward(decisionId: string | null, value: number, options?: RewardOptions): void;
  /** Report what a unit did. */
  track(event: string, options?: TrackOptions): void;
}
