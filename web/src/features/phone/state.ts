// The test phone's state: a customer's call from this browser.

export type Source = "microphone" | "sample";

export type TestCall =
  | { phase: "idle"; ended?: { reason: string; seconds: number } }
  | { phase: "dialling"; number: string; at: number }
  | { phase: "ringing"; number: string; at: number }
  | { phase: "talking"; number: string; since: number; keys: string }
  | { phase: "failed"; code: string };

export type TestInput =
  | { kind: "dial"; number: string; at: number }
  | { kind: "ringing" }
  | { kind: "answered"; at: number }
  | { kind: "key"; key: string }
  | { kind: "ended"; reason: string; at: number }
  | { kind: "failed"; code: string };

export function reduceTest(call: TestCall, input: TestInput): TestCall {
  switch (input.kind) {
    case "dial":
      return call.phase === "idle" || call.phase === "failed"
        ? { phase: "dialling", number: input.number, at: input.at }
        : call;
    case "ringing":
      return call.phase === "dialling" ? { ...call, phase: "ringing" } : call;
    case "answered":
      return call.phase === "dialling" || call.phase === "ringing"
        ? { phase: "talking", number: call.number, since: input.at, keys: "" }
        : call;
    case "key":
      return call.phase === "talking" ? { ...call, keys: (call.keys + input.key).slice(-24) } : call;
    case "ended":
      if (call.phase === "idle" || call.phase === "failed") return call;
      return {
        phase: "idle",
        ended: {
          reason: input.reason,
          seconds: call.phase === "talking" ? Math.round((input.at - call.since) / 1000) : 0,
        },
      };
    case "failed":
      return { phase: "failed", code: input.code };
    default:
      return input satisfies never;
  }
}

/** What may be dialled: digits, letters of extensions, *, # and a leading +. */
export function dialable(text: string): string | undefined {
  const clean = text.replace(/[\s()\-.]/g, "");
  return /^\+?[0-9A-Za-z*#]{1,32}$/.test(clean) ? clean : undefined;
}
