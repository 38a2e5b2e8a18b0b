import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { TestLine } from "./line";
import type { TestInput } from "./state";

let sockets = 0;
let allow: (s: unknown) => void = () => undefined;
const said: TestInput["kind"][] = [];

beforeEach(() => {
  sockets = 0;
  said.length = 0;
  vi.stubGlobal("localStorage", { getItem: () => null });
  vi.stubGlobal("location", { href: "https://desk.example.org/phone", search: "" });
  vi.stubGlobal("navigator", {
    mediaDevices: { getUserMedia: () => new Promise((r) => (allow = r)) },
  });
  vi.stubGlobal(
    "WebSocket",
    class {
      static readonly OPEN = 1;
      constructor() {
        sockets++;
      }
    },
  );
});
afterEach(() => vi.unstubAllGlobals());

describe("hanging up while the microphone is asked for", () => {
  it("calls nobody", async () => {
    const line = new TestLine({} as HTMLAudioElement, {
      dispatch: (i) => said.push(i.kind),
      onMicrophone: () => undefined,
    });
    const dialling = line.dial("9000", "en", "microphone");
    line.hangUp();
    allow({ getAudioTracks: () => [], getTracks: () => [] });
    await dialling;
    expect(sockets).toBe(0);
    expect(said).toEqual(["dial", "ended"]);
  });
});
