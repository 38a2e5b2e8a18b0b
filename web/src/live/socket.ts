import type { Envelope } from "./protocol";
import { parseEnvelope } from "./protocol";
import { initialLive, type LiveInput, type LiveState, type LiveStep, reduceLive, retryDelay } from "./state";
import { tabName } from "./tab";

const SESSION_ENDED = 4002; // the server's close code for a session that is over
const CONNECT_MS = 8000; // a connect that hangs this long goes to a dead address
const SILENCE_MS = 15_000; // the server speaks every few seconds; after this the link counts as dead

export interface LiveHandlers {
  onStep(step: LiveStep): void;
  onMessage(message: Envelope): void;
  /** The socket was refused before it opened: perhaps the session is over. */
  onRefused(): void;
}

/**
 * LiveSocket keeps one WebSocket open: reconnects with back-off, resumes after
 * the last sequence number, and is driven by a worker's clock.
 */
export class LiveSocket {
  private state: LiveState = initialLive;
  private ws: WebSocket | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private began = 0; // when the socket began to connect
  private heard = 0;
  private closed = false;
  private readonly worker: Worker;

  constructor(
    private readonly path: string,
    private readonly handlers: LiveHandlers,
  ) {
    this.worker = new Worker(new URL("./heartbeat.worker.ts", import.meta.url), { type: "module" });
    this.worker.onmessage = () => this.tick();
    addEventListener("online", this.onOnline);
    addEventListener("visibilitychange", this.hurry);
    this.connect();
  }

  send(type: string, data?: unknown): boolean {
    if (this.ws?.readyState !== WebSocket.OPEN) return false;
    this.ws.send(JSON.stringify({ type, data }));
    return true;
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.retry);
    this.worker.terminate();
    removeEventListener("online", this.onOnline);
    removeEventListener("visibilitychange", this.hurry);
    this.ws?.close(1000);
  }

  private step(input: LiveInput): void {
    const step = reduceLive(this.state, input);
    this.state = step.state;
    this.handlers.onStep(step);
  }

  private connect(): void {
    if (this.closed) return;
    clearTimeout(this.retry);
    this.step({ kind: "connecting" });
    const url = new URL(this.path, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("tab", tabName());
    if (this.state.seq !== undefined) url.searchParams.set("after", String(this.state.seq));
    const ws = new WebSocket(url);
    this.ws = ws;
    this.began = performance.now();
    let opened = false;
    ws.onopen = () => {
      opened = true;
      this.heard = performance.now();
      this.step({ kind: "opened" });
    };
    ws.onmessage = (e) => {
      this.heard = performance.now();
      const message = typeof e.data === "string" ? parseEnvelope(e.data) : undefined;
      if (!message) return;
      this.step({ kind: "message", message });
      this.handlers.onMessage(message);
    };
    ws.onclose = (e) => {
      if (this.ws !== ws || this.closed) return;
      this.ws = undefined;
      if (!opened || e.code === SESSION_ENDED) this.handlers.onRefused();
      this.step({ kind: "closed", at: Date.now() });
      this.retry = setTimeout(() => this.connect(), retryDelay(this.state.attempts, Math.random));
    };
  }

  private tick(): void {
    const now = performance.now();
    const state = this.ws?.readyState;
    if (state === WebSocket.CONNECTING && now - this.began > CONNECT_MS) this.replace();
    else if (state === WebSocket.OPEN && now - this.heard > SILENCE_MS) this.replace();
    else if (state === WebSocket.OPEN) this.send("ping");
  }

  /** Leaves a socket that leads nowhere and opens another one. */
  private replace(): void {
    const dead = this.ws;
    this.ws = undefined;
    if (dead) {
      dead.onopen = null;
      dead.onclose = null;
      dead.onmessage = null;
      dead.close();
    }
    this.step({ kind: "closed", at: Date.now() });
    this.connect();
  }

  /** The network is back: an attempt from before it went is not worth waiting for. */
  private readonly onOnline = (): void => {
    if (this.closed) return;
    if (this.ws?.readyState === WebSocket.CONNECTING) this.replace();
    else this.hurry();
  };

  private readonly hurry = (): void => {
    if (this.closed || this.ws || document.visibilityState === "hidden") return;
    this.connect();
  };
}
