import { type MicState, micStateOf, openMicrophone } from "@/features/softphone/microphone";
import { candidateOf, Peer } from "@/features/softphone/peer";
import type { Language } from "@/i18n";
import { parseEnvelope } from "@/live/protocol";
import type { Source, TestInput } from "./state";

const ANSWER_WITHIN_MS = 15_000;

interface LineHandlers {
  dispatch(input: TestInput): void;
  onMicrophone(state: MicState): void;
}

/** One call of the test phone: its socket, its sound, its connection. */
export class TestLine {
  private ws: WebSocket | undefined;
  private peer: Peer | undefined;
  private stopSource: (() => void) | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly queue: string[] = []; // candidates found before the server knew the call
  private dialled = false;
  private closed = false; // also while the microphone is being asked for

  constructor(
    private readonly audio: HTMLAudioElement,
    private readonly h: LineHandlers,
    private readonly iceServers: RTCIceServer[] = [],
  ) {}

  async dial(number: string, language: Language, source: Source): Promise<void> {
    this.h.dispatch({ kind: "dial", number, at: Date.now() });
    let stream: MediaStream;
    try {
      stream = await this.open(source, language);
    } catch (err) {
      if (this.closed) return;
      const mic = micStateOf(err);
      this.h.onMicrophone(mic);
      this.h.dispatch({ kind: "failed", code: source === "microphone" ? mic : "sample" });
      return;
    }
    if (this.closed) {
      this.close(); // the sample began to play meanwhile
      return;
    }
    const url = new URL("/api/v1/phone/socket", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const token = new URLSearchParams(location.search).get("token");
    if (token) url.searchParams.set("token", token);
    const ws = new WebSocket(url);
    this.ws = ws;
    this.timer = setTimeout(() => this.fail("no_answer"), ANSWER_WITHIN_MS);
    ws.onopen = () =>
      void this.offer(stream, number, language).catch(() => {
        if (!this.closed) this.fail("unreachable");
      });
    ws.onmessage = (e) => this.onMessage(String(e.data));
    ws.onclose = () => {
      if (this.ws !== ws) return;
      if (!this.dialled) this.fail("unreachable");
      else this.finish("connection_lost");
    };
  }

  key(digit: string): void {
    this.send("digit", { digit });
    this.h.dispatch({ kind: "key", key: digit });
  }

  hangUp(): void {
    this.send("hangup", {});
    this.finish("customer_disconnect");
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    const ws = this.ws;
    this.ws = undefined;
    this.peer?.close();
    this.peer = undefined;
    this.stopSource?.();
    this.stopSource = undefined;
    ws?.close(1000);
  }

  private async open(source: Source, language: Language): Promise<MediaStream> {
    if (source === "microphone") {
      const stream = await openMicrophone();
      this.h.onMicrophone("ready");
      return stream;
    }
    const { stream, stop } = await playSample(`/sounds/sample-${language}.wav`);
    this.stopSource = stop;
    return stream;
  }

  private async offer(stream: MediaStream, number: string, language: Language): Promise<void> {
    this.peer = new Peer(
      stream,
      this.audio,
      {
        send: (type, data) => {
          if (type === "rtc.offer") return this.sendDial({ number, language, sdp: data.sdp });
          return this.sendCandidate(data);
        },
        onState: (s) => {
          if (s === "lost") this.finish("connection_lost");
        },
      },
      this.iceServers,
    );
    await this.peer.offer({});
  }

  private sendDial(data: Record<string, unknown>): boolean {
    const ok = this.send("dial", data);
    this.dialled = ok;
    for (const frame of this.queue.splice(0)) this.ws?.send(frame);
    return ok;
  }

  private sendCandidate(data: Record<string, unknown>): boolean {
    if (this.dialled) return this.send("rtc.candidate", data);
    this.queue.push(JSON.stringify({ type: "rtc.candidate", data }));
    return true;
  }

  private send(type: string, data: unknown): boolean {
    if (this.ws?.readyState !== WebSocket.OPEN) return false;
    this.ws.send(JSON.stringify({ type, data }));
    return true;
  }

  private onMessage(text: string): void {
    const m = parseEnvelope(text);
    if (!m) return;
    const data = (m.data ?? {}) as Record<string, unknown>;
    switch (m.type) {
      case "rtc.answer":
        clearTimeout(this.timer);
        void this.peer?.answer(String(data.sdp ?? ""));
        return;
      case "rtc.candidate": {
        const c = candidateOf(m.data);
        if (c) void this.peer?.candidate(c);
        return;
      }
      case "ringing":
        clearTimeout(this.timer);
        this.h.dispatch({ kind: "ringing" });
        return;
      case "answered":
        clearTimeout(this.timer);
        this.h.dispatch({ kind: "answered", at: Date.now() });
        return;
      case "ended":
        this.finish(typeof data.reason === "string" ? data.reason : "");
        return;
      case "error":
        this.fail(typeof data.type === "string" ? (data.type.split(":").pop() ?? "") : "internal");
        return;
    }
  }

  private finish(reason: string): void {
    this.close();
    this.h.dispatch({ kind: "ended", reason, at: Date.now() });
  }

  private fail(code: string): void {
    this.close();
    this.h.dispatch({ kind: "failed", code });
  }
}

/** Plays a sound file over and over into a stream. */
async function playSample(url: string): Promise<{ stream: MediaStream; stop: () => void }> {
  const context = new AudioContext();
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`sample: HTTP ${answer.status}`);
  const sound = await context.decodeAudioData(await answer.arrayBuffer());
  await context.resume();
  const source = context.createBufferSource();
  const out = context.createMediaStreamDestination();
  source.buffer = sound;
  source.loop = true;
  source.connect(out);
  source.start();
  return {
    stream: out.stream,
    stop: () => {
      source.stop();
      void context.close();
    },
  };
}
