import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { SoftphoneController } from "./controller";

// A browser in little: connections, tracks and a microphone that the test moves.

class Track {
  readyState = "live";
  enabled = true;
  label = "Headset";
  onended: (() => void) | null = null;
  clone(): Track {
    const t = new Track();
    clones.push(t);
    return t;
  }
  stop(): void {
    this.readyState = "ended";
  }
}

class Stream {
  constructor(private readonly tracks: Track[] = [new Track()]) {}
  getAudioTracks = () => this.tracks;
  getTracks = () => this.tracks;
}

class Connection {
  connectionState = "new";
  signalingState = "stable";
  onconnectionstatechange: (() => void) | null = null;
  closed = false;
  replaced: Track[] = [];
  constructor(readonly config: RTCConfiguration) {
    connections.push(this);
  }
  addTrack(): void {}
  createOffer = async () => ({ type: "offer", sdp: "v=0" });
  setLocalDescription = async () => {
    this.signalingState = "have-local-offer";
  };
  getSenders = () => [{ replaceTrack: async (t: Track) => void this.replaced.push(t) }];
  getStats = async () => new Map();
  close(): void {
    this.closed = true;
  }
  become(state: string): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}

let connections: Connection[] = [];
let clones: Track[] = [];
let sent: { type: string; data: Record<string, unknown> }[] = [];
let socketOpen = true;
let posts: string[] = [];
let hold: (() => void)[] = []; // answers that the server has not given yet
let microphones: (() => Stream)[] = [];
let changed: string[] = [];
let phone: SoftphoneController;

const live = () => connections.filter((c) => !c.closed);
const offers = () => sent.filter((m) => m.type === "rtc.offer").length;
const turn = () => vi.advanceTimersByTimeAsync(0);
const store = async () => (await import("./store")).useSoftphone.getState();

function memory(): Storage {
  const kept = new Map<string, string>();
  return {
    getItem: (k: string) => kept.get(k) ?? null,
    setItem: (k: string, v: string) => void kept.set(k, v),
    removeItem: (k: string) => void kept.delete(k),
  } as unknown as Storage;
}

beforeEach(async () => {
  vi.useFakeTimers();
  vi.resetModules();
  [connections, clones, sent, posts, hold, changed] = [[], [], [], [], [], []];
  socketOpen = true;
  microphones = [];
  vi.stubGlobal("sessionStorage", memory());
  vi.stubGlobal("localStorage", memory());
  vi.stubGlobal("MediaStream", Stream);
  vi.stubGlobal("RTCPeerConnection", Connection);
  vi.stubGlobal("navigator", {
    mediaDevices: {
      getUserMedia: async () => (microphones.shift() ?? (() => new Stream()))(),
      addEventListener: () => undefined,
      removeEventListener: () => undefined,
    },
  });
  vi.stubGlobal("fetch", async (url: string) => {
    posts.push(url.replace("/api/v1", ""));
    if (url.includes("/hold") || url.includes("/transfer")) await new Promise<void>((r) => hold.push(r));
    return new Response(null, { status: 204 });
  });
  const { SoftphoneController } = await import("./controller");
  phone = new SoftphoneController({
    send: (type, data) => {
      if (!socketOpen) return false;
      sent.push({ type, data: data as Record<string, unknown> });
      return true;
    },
    audio: { play: async () => undefined } as unknown as HTMLAudioElement,
    agentId: "ag_1",
    deskPhone: false,
    onMissed: () => undefined,
    onConsultEnded: () => undefined,
    onFlowEnded: () => undefined,
    onMicrophoneChanged: (name) => changed.push(name),
    iceServers: () => [{ urls: "turn:t.example.org", username: "u", credential: "c" }],
  });
  phone.onMessage({ type: "softphone", data: { here: true } });
});

afterEach(() => {
  phone.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function talk(): Promise<Connection> {
  phone.onMessage({ type: "work", data: { conversation_id: "cv_1", state: "connected" } });
  await turn();
  const c = connections.at(-1);
  if (!c) throw new Error("no connection was opened");
  c.become("connected");
  return c;
}

async function offer(): Promise<void> {
  phone.onMessage({
    type: "offer",
    data: {
      offer_id: "of_1",
      conversation_id: "cv_1",
      expires_at: new Date(Date.now() + 60_000).toISOString(),
    },
  });
  await turn();
}

describe("the sound of a call", () => {
  it("asks the relay of the settings", async () => {
    expect((await talk()).config.iceServers).toEqual([
      { urls: "turn:t.example.org", username: "u", credential: "c" },
    ]);
  });

  it("comes back when socket and sound fell together", async () => {
    const first = await talk();
    socketOpen = false;
    first.become("disconnected");
    await vi.advanceTimersByTimeAsync(20_000);
    expect(offers()).toBe(1); // every offer since then was refused by the socket
    socketOpen = true;
    phone.onOpen();
    await vi.advanceTimersByTimeAsync(100);
    expect(offers()).toBeGreaterThan(1);
    expect(live().length).toBeLessThanOrEqual(1);
    live()[0]?.become("connected");
    expect((await store()).phone).toMatchObject({ phase: "talking", media: "live" });
  });

  it("is offered anew when no answer comes: the socket was dead already", async () => {
    const first = await talk();
    first.become("failed");
    await vi.advanceTimersByTimeAsync(400);
    expect(offers()).toBe(2); // written into a socket that nobody reads
    await vi.advanceTimersByTimeAsync(4000);
    expect(offers()).toBe(2);
    await vi.advanceTimersByTimeAsync(3000);
    expect(offers()).toBe(3);
  });

  it("is opened anew for a ringing call after a reconnect", async () => {
    await offer();
    expect(offers()).toBe(1);
    phone.onOpen(); // the old socket took the offer with it
    await turn();
    expect(offers()).toBe(2);
    expect(live()).toHaveLength(1);
  });

  it("does not answer a call whose sound cannot be offered", async () => {
    socketOpen = false;
    await offer();
    const failed = phone.accept().catch((err: unknown) => err);
    await turn();
    expect(await failed).toMatchObject({ code: "unreachable" });
    expect(posts).not.toContain("/offers/of_1/accept");
    expect((await store()).phone).toMatchObject({ phase: "ringing", answering: false });
  });
});

describe("a microphone that dies", () => {
  it("is replaced in the call, and the agent is told", async () => {
    const c = await talk();
    phone.setMuted(true);
    const old = clones[0];
    if (old) old.readyState = "ended";
    old?.onended?.();
    await turn();
    expect(c.replaced).toHaveLength(1);
    expect(c.replaced[0]?.enabled).toBe(false); // still muted
    expect(changed).toEqual(["Headset"]);
    expect((await store()).mic).toBe("ready");
  });

  it("is said to be missing when there is no other one", async () => {
    await talk();
    microphones = [
      () => {
        throw new DOMException("none", "NotFoundError");
      },
    ];
    const old = clones[0];
    if (old) old.readyState = "ended";
    old?.onended?.();
    await turn();
    expect((await store()).mic).toBe("missing");
    await phone.prepareMicrophone(); // plugged in again
    expect(changed).toEqual(["Headset"]);
  });
});

describe("commands", () => {
  it("go out once, however often the key is pressed", async () => {
    await talk();
    void phone.setHeld(true);
    void phone.setHeld(true);
    void phone.transfer("number", "1234");
    await turn();
    expect(posts.filter((p) => p.endsWith("/hold"))).toHaveLength(1);
    expect(posts.filter((p) => p.endsWith("/transfer"))).toHaveLength(0);
    for (const go of hold.splice(0)) go();
    await turn();
    void phone.transfer("number", "1234");
    void phone.transfer("number", "1234");
    await turn();
    expect(posts.filter((p) => p.endsWith("/transfer"))).toHaveLength(1);
    for (const go of hold.splice(0)) go();
    await turn();
    void phone.end();
    void phone.end();
    await turn();
    expect(posts.filter((p) => p.endsWith("/end"))).toHaveLength(1);
  });
});
