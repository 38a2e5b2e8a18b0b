import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LiveSocket } from "./socket";

class Socket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  readyState = 0;
  onopen: (() => void) | null = null;
  onclose: ((e: { code: number }) => void) | null = null;
  closed = false;
  constructor() {
    sockets.push(this);
  }
  send(): void {}
  close(): void {
    this.closed = true;
  }
}

let sockets: Socket[] = [];
let tick: () => void = () => undefined;
let heard: Record<string, () => void> = {};
let live: LiveSocket;

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
  heard = {};
  vi.stubGlobal("WebSocket", Socket);
  vi.stubGlobal("location", { href: "https://desk.example.org/inbox" });
  vi.stubGlobal("document", { visibilityState: "visible" });
  vi.stubGlobal("sessionStorage", { getItem: () => "tab", removeItem: () => undefined });
  vi.stubGlobal("addEventListener", (type: string, f: () => void) => {
    heard[type] = f;
  });
  vi.stubGlobal("removeEventListener", () => undefined);
  vi.stubGlobal(
    "Worker",
    class {
      set onmessage(f: () => void) {
        tick = f;
      }
      terminate(): void {}
    },
  );
  live = new LiveSocket("/api/v1/live", {
    onStep: () => undefined,
    onMessage: () => undefined,
    onRefused: () => undefined,
  });
});

afterEach(() => {
  live.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a socket that does not open", () => {
  it("is given up after 8 seconds", () => {
    vi.advanceTimersByTime(5000);
    tick();
    expect(sockets).toHaveLength(1);
    vi.advanceTimersByTime(5000);
    tick();
    expect(sockets).toHaveLength(2);
    expect(sockets[0]?.closed).toBe(true);
  });

  it("is replaced at once when the network comes back", () => {
    heard.online?.();
    expect(sockets).toHaveLength(2);
  });

  it("is left alone while it works", () => {
    const s = sockets[0];
    if (s) s.readyState = Socket.OPEN;
    s?.onopen?.();
    heard.online?.();
    tick();
    expect(sockets).toHaveLength(1);
  });
});
