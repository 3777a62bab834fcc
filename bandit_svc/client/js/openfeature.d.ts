/**
 * A provider for OFREP that reports what is tracked, and on pages which flags were read.
 *
 * Its options take `key`, a publishable one, beside those of the provider. Of a tracked
 * event, `decisionId` names the decision that it rewards, and `eventId` makes a repeated
 * call count once; the others are its properties.
 */
export declare function reporting<
  Options extends object,
  Rest extends unknown[],
  Instance extends object,
>(
  Provider: new (options: Options, ...rest: Rest) => Instance,
): new (
  options: Options & { key?: string },
  ...rest: Rest
) => Instance & {
  track(event: string, context?: object, details?: Record<string, unknown>): void;
};
