/** The closed set of kinring's errors, as docs/BROKER.md lists them. */
export type ErrorClass =
  | "not-found" | "conflict" | "locked" | "denied" | "cancelled" | "unavailable" | "timed-out" | "ambiguous"
  | "too-large" | "invalid" | "corrupt" | "unsupported" | "partial" | "outcome-unknown" | "internal";

/** What an error of the broker carries besides its message. It never holds a value. */
export interface ErrorData {
  class: ErrorClass;
  reason?: "out-of-reach" | "absent-by-design" | "no-service";
  op?: string;
  store?: string;
  key?: string;
  detail?: string;
  native?: string;
  remedy?: string;
  done?: string[];
  missing?: string[];
}

/** The code of "not found", which a client that serves a source answers with. */
export const codeNotFound = -31001;

/** The one error type: test its class, never its text. */
export class KinringError extends Error {
  override readonly name = "KinringError";
  readonly class: ErrorClass;
  readonly data: ErrorData;

  constructor(message: string, data: ErrorData) {
    super(data.remedy ? `${message}; ${data.remedy}` : message);
    this.class = data.class;
    this.data = data;
  }
}

/** An error that says that no broker is there, or that it went away. */
export function noService(message: string, remedy = "start one with: kinring serve"): KinringError {
  return new KinringError(message, { class: "unavailable", reason: "no-service", remedy });
}
