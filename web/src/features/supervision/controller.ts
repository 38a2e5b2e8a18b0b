import { api } from "@/api/client";
import type { SoftphoneController } from "@/features/softphone/controller";
import { openMicrophone } from "@/features/softphone/microphone";
import { candidateOf, Peer, type PeerState } from "@/features/softphone/peer";
import type { Envelope } from "@/live/protocol";
import { type Ear, type Mode, readMonitor, readSupervised } from "./state";
import { useSupervision } from "./store";

interface Wiring {
  send(type: string, data?: unknown): boolean;
  /** What the supervised call sounds like plays here. */
  audio: HTMLAudioElement;
  /** Absent for supervisors who are no agents: they cannot take a call over. */
  phone: SoftphoneController | undefined;
  /** STUN and TURN servers, read when a call is listened to. */
  iceServers(): RTCIceServer[];
  /** It ended without this page wanting it. */
  onEnded(reason: string): void;
}

/** Where a connection's signalling and state go: to the softphone, once a call is taken over. */
interface Route {
  prefix: "monitor." | "rtc.";
  onState(state: PeerState): void;
}

/**
 * SupervisionController lets this page hear one call of somebody else, speak in
 * it, and take it over. Switching is the server's business: the connection stays.
 */
export class SupervisionController {
  private line: { conversationId: string; peer: Peer; route: Route } | undefined;
  private opening = 0;

  constructor(private readonly w: Wiring) {}

  private get ear(): Ear {
    return useSupervision.getState().ear;
  }

  /** Begins to listen to a call; whoever listened to another one leaves it. */
  async listen(conversationId: string, mode: Mode = "monitor"): Promise<void> {
    if (this.ear.phase === "on" && this.ear.conversationId === conversationId) return this.setMode(mode);
    this.close();
    const attempt = ++this.opening;
    await api.put(`/conversations/${conversationId}/supervision`, { mode });
    if (attempt === this.opening) await this.open(conversationId, mode, attempt);
  }

  /** Opens the sound of a call that the server lets this user supervise. */
  private async open(conversationId: string, mode: Mode, attempt: number): Promise<void> {
    useSupervision.getState().dispatch({ kind: "begin", conversationId, mode, at: Date.now() });
    let stream = new MediaStream();
    try {
      stream = await openMicrophone();
    } catch {
      useSupervision.getState().dispatch({ kind: "microphone", on: false });
    }
    if (attempt !== this.opening) return;
    const route: Route = {
      prefix: "monitor.",
      onState: (state) => {
        if (state === "lost") this.ended(conversationId, "lost");
      },
    };
    const peer = new Peer(
      stream,
      this.w.audio,
      {
        send: (type, data) => this.w.send(type.replace("rtc.", route.prefix), data),
        onState: (state) => route.onState(state),
      },
      this.w.iceServers(),
    );
    this.line = { conversationId, peer, route };
    try {
      await peer.offer({ conversation_id: conversationId });
    } catch (err) {
      if (attempt !== this.opening) return; // another call is listened to by now
      this.close();
      throw err;
    }
    peer.setMuted(mode === "monitor");
  }

  async setMode(mode: Mode): Promise<void> {
    const ear = this.ear;
    if (ear.phase !== "on" || ear.mode === mode) return;
    await api.put(`/conversations/${ear.conversationId}/supervision`, { mode });
    this.line?.peer.setMuted(mode === "monitor");
  }

  async leave(): Promise<void> {
    const ear = this.ear;
    if (ear.phase !== "on") return;
    this.close();
    await api.delete(`/conversations/${ear.conversationId}/supervision`);
  }

  async takeOver(): Promise<void> {
    const ear = this.ear;
    if (ear.phase !== "on" || ear.taking) return;
    useSupervision.getState().dispatch({ kind: "taking", on: true });
    try {
      await api.post(`/conversations/${ear.conversationId}/take-over`);
    } finally {
      useSupervision.getState().dispatch({ kind: "taking", on: false });
    }
  }

  onMessage(m: Envelope): void {
    switch (m.type) {
      case "supervised":
        useSupervision.getState().setSupervised(readSupervised(m.data));
        return;
      case "monitor": {
        const input = readMonitor(m.data);
        if (!input) return;
        useSupervision.getState().dispatch(input);
        if (this.line?.conversationId === input.conversationId)
          this.line.peer.setMuted(input.mode === "monitor");
        return;
      }
      case "monitor.resume": {
        // This page was loaded again, or its socket fell: the call is still supervised.
        const was = readMonitor(m.data);
        if (!was) return;
        this.close();
        void this.open(was.conversationId, was.mode, ++this.opening).catch(() => this.w.onEnded("lost"));
        return;
      }
      case "monitor.answer":
        if (this.addressed(m.data))
          void this.line?.peer.answer(String((m.data as { sdp?: unknown }).sdp ?? ""));
        return;
      case "monitor.candidate": {
        const c = candidateOf(m.data);
        if (c && this.addressed(m.data)) void this.line?.peer.candidate(c);
        return;
      }
      case "monitor.closed":
        this.onClosed(m.data);
        return;
      case "error":
        if ((m.data as { about?: unknown } | undefined)?.about === "monitor.offer" && this.line)
          this.ended(this.line.conversationId, "lost");
        return;
    }
  }

  /** The socket fell: the server has taken this page out of the call. */
  onLost(): void {
    if (this.ear.phase === "on") this.ended(this.ear.conversationId, "lost");
  }

  close(): void {
    this.opening++;
    this.line?.peer.close();
    this.line = undefined;
    const ear = this.ear;
    if (ear.phase === "on")
      useSupervision.getState().dispatch({ kind: "end", conversationId: ear.conversationId });
  }

  private onClosed(data: unknown): void {
    const d = data as { conversation_id?: unknown; reason?: unknown } | undefined;
    const line = this.line;
    if (!line || d?.conversation_id !== line.conversationId) return;
    if (d.reason === "taken_over" && this.w.phone) {
      const { conversationId, peer, route } = line;
      this.line = undefined;
      route.prefix = "rtc.";
      route.onState = this.w.phone.adopt(conversationId, peer);
      useSupervision.getState().dispatch({ kind: "end", conversationId });
      return;
    }
    this.ended(line.conversationId, String(d.reason ?? "lost"));
  }

  private ended(conversationId: string, reason: string): void {
    if (this.ear.phase !== "on" || this.ear.conversationId !== conversationId) return;
    this.close();
    if (reason !== "left") this.w.onEnded(reason);
  }

  private addressed(data: unknown): boolean {
    return (
      this.line !== undefined &&
      (data as { conversation_id?: unknown } | undefined)?.conversation_id === this.line.conversationId
    );
  }
}
