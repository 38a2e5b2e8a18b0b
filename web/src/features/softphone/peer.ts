import { ApiError } from "@/api/problem";
import { chosenOutput } from "./microphone";
import { between, type Counters, countersOf, type LineFigures, silentBetween } from "./quality";

const STATS_MS = 2000;

export type PeerState = "connecting" | "live" | "lost";

export interface PeerHandlers {
  /** Sends one signalling message; false when the socket is away. */
  send(type: "rtc.offer" | "rtc.candidate", data: Record<string, unknown>): boolean;
  onState(state: PeerState): void;
  onFigures?(figures: LineFigures): void;
  /** The microphone is gone: unplugged, or taken away by the browser. */
  onMicrophoneEnded?(): void;
}

/**
 * Peer is one RTCPeerConnection to the server: this side always offers, both
 * sides trickle. Hold is the server's business; mute switches the track.
 */
export class Peer {
  private readonly pc: RTCPeerConnection;
  private readonly early: RTCIceCandidateInit[] = [];
  private readonly timer: ReturnType<typeof setInterval>;
  private answered = false;
  private last: Counters | undefined;
  private serverMos: number | undefined;
  private silentMs = 0; // since when an open microphone gives digital silence
  private track: MediaStreamTrack | undefined;
  private extra: Record<string, unknown> = {};

  constructor(
    private readonly stream: MediaStream,
    private readonly audio: HTMLAudioElement,
    private readonly handlers: PeerHandlers,
    iceServers: RTCIceServer[] = [],
  ) {
    this.pc = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.pc.onicecandidate = (e) => {
      if (e.candidate)
        this.handlers.send("rtc.candidate", { ...this.extra, candidate: e.candidate.toJSON() });
    };
    this.pc.ontrack = (e) => {
      this.audio.srcObject = e.streams[0] ?? new MediaStream([e.track]);
      void this.audio.play().catch(() => undefined); // a click on the page will start it
    };
    void toChosenSpeaker(audio);
    this.pc.onconnectionstatechange = () => {
      const s = this.pc.connectionState;
      if (s === "connected") this.handlers.onState("live");
      else if (s === "failed" || s === "disconnected") this.handlers.onState("lost");
    };
    this.timer = setInterval(() => void this.measure(), STATS_MS);
  }

  /**
   * Makes the offer and sends it with extra (conversation_id, resume, number …).
   * Throws when the socket did not take it: no answer would ever come.
   */
  async offer(extra: Record<string, unknown>): Promise<string> {
    const { conversation_id } = extra;
    this.extra = conversation_id === undefined ? {} : { conversation_id };
    this.track = this.cloneOf(this.stream);
    if (this.track) this.pc.addTrack(this.track, new MediaStream([this.track]));
    else this.pc.addTransceiver("audio", { direction: "recvonly" });
    const offer = await this.pc.createOffer();
    await this.pc.setLocalDescription(offer);
    const sdp = offer.sdp ?? "";
    this.handlers.onState("connecting");
    if (!this.handlers.send("rtc.offer", { ...extra, sdp })) throw new ApiError(0, {});
    return sdp;
  }

  /** Goes on with another microphone, muted as the one before. */
  async replaceMicrophone(stream: MediaStream): Promise<void> {
    const before = this.track;
    const track = this.cloneOf(stream);
    if (!track) return;
    track.enabled = before?.enabled ?? true;
    this.track = track;
    await this.pc.getSenders()[0]?.replaceTrack(track);
    before?.stop();
  }

  /** Whether the microphone of this connection still gives sound. */
  get hears(): boolean {
    return this.track?.readyState === "live";
  }

  get live(): boolean {
    return this.pc.connectionState === "connected";
  }

  async answer(sdp: string): Promise<void> {
    if (this.pc.signalingState !== "have-local-offer") return;
    await this.pc.setRemoteDescription({ type: "answer", sdp });
    this.answered = true;
    for (const c of this.early.splice(0)) await this.pc.addIceCandidate(c);
  }

  async candidate(c: RTCIceCandidateInit): Promise<void> {
    if (!this.answered) this.early.push(c);
    else await this.pc.addIceCandidate(c).catch(() => undefined); // a late one for an old transport
  }

  setMuted(on: boolean): void {
    if (this.track) this.track.enabled = !on;
  }

  serverFigures(mos: number | undefined): void {
    this.serverMos = mos;
  }

  close(): void {
    clearInterval(this.timer);
    this.pc.onconnectionstatechange = null;
    this.pc.onicecandidate = null;
    this.pc.ontrack = null;
    this.pc.close();
    this.track?.stop();
    this.audio.srcObject = null;
  }

  /** A track of its own: muting one call must not mute a test or the next call. */
  private cloneOf(stream: MediaStream): MediaStreamTrack | undefined {
    const track = stream.getAudioTracks()[0]?.clone();
    if (!track) return undefined;
    track.enabled = true;
    track.onended = () => {
      if (this.track === track) this.handlers.onMicrophoneEnded?.();
    };
    return track;
  }

  private async measure(): Promise<void> {
    if (this.pc.connectionState !== "connected" || !this.handlers.onFigures) return;
    const now = countersOf(await this.pc.getStats());
    if (!now) return;
    this.silentMs = this.track?.enabled && silentBetween(this.last, now) ? this.silentMs + STATS_MS : 0;
    this.handlers.onFigures({ ...between(this.last, now, this.serverMos), silentMs: this.silentMs });
    this.last = now;
  }
}

/** Plays through the speaker of the settings, where the browser can choose one. */
async function toChosenSpeaker(audio: HTMLAudioElement): Promise<void> {
  const id = chosenOutput();
  if (id && "setSinkId" in audio) await audio.setSinkId(id).catch(() => undefined); // unplugged: the default plays
}

/** The candidate inside an rtc.candidate message, whichever way it is wrapped. */
export function candidateOf(data: unknown): RTCIceCandidateInit | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const d = data as Record<string, unknown>;
  if (typeof d.candidate === "object" && d.candidate !== null) return d.candidate as RTCIceCandidateInit;
  if (typeof d.candidate === "string" && d.candidate !== "") return d as RTCIceCandidateInit;
  return undefined;
}
