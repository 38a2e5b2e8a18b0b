import { api, call } from "@/api/client";
import { ApiError } from "@/api/problem";
import type { Envelope, JournalEvent } from "@/live/protocol";
import type { ConsultCommand } from "./commands";
import { readOffer, readRecording, readWorks } from "./messages";
import { micStateOf, openMicrophone, releaseMicrophone } from "./microphone";
import { NoteKeeper } from "./notes";
import { readParties } from "./parties";
import { candidateOf, Peer, type PeerState } from "./peer";
import { conversationOf, type Phone, type PhoneInput, type Work } from "./state";
import { useSoftphone } from "./store";

const RESUME_FIRST_MS = 300; // between a lost connection and its next attempt, doubling
const RESUME_MOST_MS = 5000;
const CONNECT_MS = 5000; // from the offer to the first connection; then it is tried anew
const OFFER_GRACE_MS = 2000; // an offer that the server never ended is ended here

interface Wiring {
  send(type: string, data?: unknown): boolean;
  /** The remote sound plays here. */
  audio: HTMLAudioElement;
  agentId: string;
  /** The agent's sound comes over a desk phone: no browser sound. */
  deskPhone: boolean;
  onMissed(phone: Phone): void;
  /** Who was asked does not come, or comes no longer. */
  onConsultEnded(name: string, reason: string): void;
  /** The customer is back from a flow. */
  onFlowEnded(name: string, outcome: string): void;
  /** A microphone died in the call and another one took its place. */
  onMicrophoneChanged(name: string): void;
  /** What the browser asks for its public address and for a relay. */
  iceServers(): RTCIceServer[];
}

/**
 * SoftphoneController joins the pure state to the socket, the REST commands and
 * the one RTCPeerConnection. There is one per logged-in page.
 */
export class SoftphoneController {
  private peer: { conversationId: string; peer: Peer } | undefined;
  private owner = false;
  private resumeTimer: ReturnType<typeof setTimeout> | undefined;
  private offerTimer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0; // connections lost or refused since the last live one
  private opening = 0; // counts attempts: a late microphone must not open an old call
  private openingFor: string | undefined; // the conversation of an attempt that waits for the microphone
  private connectTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly keeper = new NoteKeeper(
    (id, note) => call("PUT", `/conversations/${id}/note`, { body: { note }, keepalive: true }),
    (id, state) => {
      useSoftphone.getState().setNoteState(id, state);
      if (state === "saved" && conversationOf(this.phone) !== id) useSoftphone.getState().dropNote(id);
    },
  );
  private asked: "hold" | "transfer" | "recording" | "consult" | undefined; // a command that the server has not answered yet

  constructor(private readonly w: Wiring) {
    navigator.mediaDevices?.addEventListener?.("devicechange", this.onDevices);
    globalThis.addEventListener?.("pagehide", this.onLeave);
  }

  private get phone(): Phone {
    return useSoftphone.getState().phone;
  }
  private dispatch(input: PhoneInput): void {
    useSoftphone.getState().dispatch(input);
  }

  /** Asks for the microphone; at log-in, so that a call does not wait for it. */
  async prepareMicrophone(): Promise<void> {
    if (this.w.deskPhone) return;
    useSoftphone.getState().setMic("asking");
    try {
      const stream = await openMicrophone();
      if (this.peer && !this.peer.peer.hears) {
        await this.peer.peer.replaceMicrophone(stream);
        this.w.onMicrophoneChanged(stream.getAudioTracks()[0]?.label ?? "");
      }
      useSoftphone.getState().setMic("ready");
    } catch (err) {
      useSoftphone.getState().setMic(micStateOf(err));
    }
  }

  /** Makes this tab the softphone; the server takes it from the other one. */
  take(): void {
    if (this.w.send("softphone.take", {})) this.setOwner(true);
  }

  /** The socket is open (again). An offer that went down with the old one gets no answer. */
  onOpen(): void {
    if (this.peer && !this.peer.peer.live) this.closePeer();
    this.restoreSound();
  }

  /** The server said which tab of the agent is the softphone. */
  private setOwner(owner: boolean): void {
    this.owner = owner;
    useSoftphone.getState().setElsewhere(!owner);
    if (owner) this.restoreSound();
    else this.closePeer();
  }

  onMessage(m: Envelope): void {
    const now = Date.now();
    switch (m.type) {
      case "offer":
        this.onOffer(m, now);
        return;
      case "work":
        for (const work of readWorks(m.data, now)) this.onWork(work);
        return;
      case "recording": {
        const recording = readRecording(m.data);
        if (recording) useSoftphone.getState().setRecording(recording);
        return;
      }
      case "rtc.answer":
        if (this.addressed(m.data))
          void this.peer?.peer.answer(String((m.data as { sdp?: unknown }).sdp ?? ""));
        return;
      case "rtc.candidate": {
        const c = candidateOf(m.data);
        if (c && this.addressed(m.data)) void this.peer?.peer.candidate(c);
        return;
      }
      case "rtc.closed":
        this.onClosed(m.data);
        return;
      case "media.stats": {
        const mos = (m.data as { mos?: unknown } | undefined)?.mos;
        this.peer?.peer.serverFigures(typeof mos === "number" ? mos : undefined);
        return;
      }
      case "parties":
        useSoftphone.getState().setParties(readParties(m.data));
        return;
      case "consult.ended": {
        const d = (m.data ?? {}) as { name?: unknown; reason?: unknown };
        this.w.onConsultEnded(String(d.name ?? ""), String(d.reason ?? ""));
        return;
      }
      case "flow.ended": {
        const d = (m.data ?? {}) as { name?: unknown; outcome?: unknown };
        this.w.onFlowEnded(String(d.name ?? ""), String(d.outcome ?? ""));
        return;
      }
      case "softphone":
        this.setOwner((m.data as { here?: unknown } | undefined)?.here === true);
        return;
      case "softphone.taken":
        this.setOwner(false);
        return;
      case "error":
        if ((m.data as { about?: unknown } | undefined)?.about === "rtc.offer") this.onRefused();
        return;
    }
  }

  /** What the agent writes about a call; the server keeps it while they write. */
  writeNote(conversationId: string, text: string): void {
    useSoftphone.getState().setNote(conversationId, text);
    this.keeper.write(conversationId, text);
  }

  private readonly onLeave = (): void => void this.keeper.flush();

  /** What the journal says about this agent's conversation. */
  onEvent(e: JournalEvent): void {
    const id = e.conversation_id;
    if (!id || id !== conversationOf(this.phone)) return;
    const at = Date.parse(e.ts) || Date.now();
    const mine = !e.agent_id || e.agent_id === this.w.agentId;
    switch (e.type) {
      case "conversation.held":
        this.dispatch({ kind: "held", conversationId: id, at });
        return;
      case "conversation.resumed":
        this.dispatch({ kind: "resumed", conversationId: id });
        return;
      case "offer.timeout":
      case "offer.canceled":
      case "offer.rescinded":
      case "offer.rejected":
        if (mine && this.phone.phase === "ringing")
          this.endOffer(this.phone.offer.offerId, e.type === "offer.timeout");
        return;
      case "agent.media_lost":
        // The socket fell while the sound stood: the server plays a comfort
        // message and waits for a new offer.
        if (mine && this.phone.phase === "talking" && this.peer?.peer.live) {
          this.closePeer();
          this.ensureSound();
        }
        return;
      case "conversation.wrap_up_started":
        if (mine) {
          this.dispatch({ kind: "wrap_up", conversationId: id, at });
          this.closePeer();
        }
        return;
      case "conversation.completed":
        this.dispatch({ kind: "gone", conversationId: id });
        this.closePeer();
        void this.keeper.flush(); // the wrap-up ran out while the agent was writing
        return;
    }
  }

  // --- what the agent does ------------------------------------------------

  async accept(): Promise<void> {
    const phone = this.phone;
    if (phone.phase !== "ringing" || phone.answering) return;
    const { offerId } = phone.offer;
    this.dispatch({ kind: "answering", offerId });
    if (!this.owner) this.take();
    try {
      if (!this.peer) await this.openPeer(phone.offer.conversationId, false);
      await api.post(`/offers/${offerId}/accept`);
      this.dispatch({ kind: "accepted", offerId, at: Date.now() });
      if (this.peer?.peer.live) this.dispatch({ kind: "media", media: "live" });
    } catch (err) {
      this.dispatch({ kind: "answer_failed", offerId });
      if (err instanceof ApiError && (err.status === 404 || err.status === 409))
        this.endOffer(offerId, false);
      throw err;
    }
  }

  async reject(): Promise<void> {
    const phone = this.phone;
    if (phone.phase !== "ringing") return;
    const { offerId } = phone.offer;
    await api.post(`/offers/${offerId}/reject`);
    this.endOffer(offerId, false);
  }

  setMuted(on: boolean): void {
    this.peer?.peer.setMuted(on);
    this.dispatch({ kind: "muted", on });
  }

  async setHeld(on: boolean): Promise<void> {
    const id = this.talkingTo();
    await this.once("hold", async () => {
      await api.post(`/conversations/${id}/${on ? "hold" : "resume"}`);
      this.dispatch(
        on ? { kind: "held", conversationId: id, at: Date.now() } : { kind: "resumed", conversationId: id },
      );
    });
  }

  async record(what: "start" | "pause" | "resume"): Promise<void> {
    const id = this.talkingTo();
    await this.once("recording", () => api.post(`/conversations/${id}/recording/${what}`));
  }

  async end(): Promise<void> {
    const id = this.talkingTo();
    if (this.phone.phase !== "talking" || this.phone.ending) return;
    this.dispatch({ kind: "ending", on: true });
    try {
      await api.post(`/conversations/${id}/end`);
    } catch (err) {
      this.dispatch({ kind: "ending", on: false });
      throw err;
    }
  }

  async sendDigits(digits: string): Promise<void> {
    await api.post(`/conversations/${this.talkingTo()}/digits`, { digits });
  }

  async transfer(kind: "agent" | "queue" | "flow" | "number", target: string): Promise<void> {
    const id = this.talkingTo();
    await this.once("transfer", () => api.post(`/conversations/${id}/transfer`, { kind, target }));
  }

  /** Has a flow serve the customer while the agent waits. */
  async sendToFlow(flow: string): Promise<void> {
    const id = this.talkingTo();
    await this.once("transfer", () => api.post(`/conversations/${id}/flow`, { flow }));
  }

  /** Asks somebody in private; with joins, who comes talks with the customer at once. */
  async consult(kind: "agent" | "queue" | "number", target: string, joins: boolean): Promise<void> {
    const id = this.talkingTo();
    await this.once("consult", () => api.post(`/conversations/${id}/consult`, { kind, target, joins }));
  }

  async consultStep(step: ConsultCommand): Promise<void> {
    const id = this.talkingTo();
    const path = step === "leave" ? step : step === "take_back" ? "flow/take-back" : `consult/${step}`;
    await this.once("consult", () => api.post(`/conversations/${id}/${path}`));
  }

  async removeParty(partyId: string): Promise<void> {
    const id = this.talkingTo();
    await this.once("consult", () => call("DELETE", `/conversations/${id}/parties/${partyId}`));
  }

  async wrapUp(code: string, note: string): Promise<void> {
    const phone = this.phone;
    if (phone.phase !== "wrap_up") return;
    this.dispatch({ kind: "saving", on: true });
    try {
      await this.keeper.drop(phone.conversationId);
      await api.post(`/conversations/${phone.conversationId}/wrap-up`, { code, note });
      useSoftphone.getState().dropNote(phone.conversationId);
      this.dispatch({ kind: "gone", conversationId: phone.conversationId });
    } catch (err) {
      this.keeper.write(phone.conversationId, note);
      throw err;
    } finally {
      this.dispatch({ kind: "saving", on: false });
    }
  }

  async extendWrapUp(): Promise<void> {
    const phone = this.phone;
    if (phone.phase === "wrap_up") await api.post(`/conversations/${phone.conversationId}/wrap-up/extend`);
  }

  /**
   * Makes the connection by which this page listened to a call its own: the call
   * was taken over. What it returns wants to know how the connection fares.
   */
  adopt(conversationId: string, peer: Peer): (state: PeerState) => void {
    this.closePeer();
    this.peer = { conversationId, peer };
    peer.setMuted(false);
    return (state) => this.onPeerState(peer, state);
  }

  close(): void {
    globalThis.removeEventListener?.("pagehide", this.onLeave);
    this.keeper.close();
    navigator.mediaDevices?.removeEventListener?.("devicechange", this.onDevices);
    clearTimeout(this.offerTimer);
    this.closePeer();
    this.dispatch({ kind: "reset" });
  }

  // --- inside ---------------------------------------------------------------

  /** A second press while the first is on its way must not send the command twice. */
  private async once(
    command: NonNullable<SoftphoneController["asked"]>,
    run: () => Promise<unknown>,
  ): Promise<void> {
    if (this.asked !== undefined || !this.talkingTo()) return;
    this.asked = command;
    try {
      await run();
    } finally {
      this.asked = undefined;
    }
  }

  private talkingTo(): string {
    return this.phone.phase === "talking" ? this.phone.conversationId : "";
  }

  private onOffer(m: Envelope, now: number): void {
    const offer = readOffer(m.data, now);
    if (!offer) return;
    const sent = m.ts ? Date.parse(m.ts) : Number.NaN;
    if (!Number.isNaN(sent)) offer.expiresAt += now - sent; // this computer's clock may be wrong
    this.dispatch({ kind: "offer", offer });
    clearTimeout(this.offerTimer);
    this.offerTimer = setTimeout(
      () => this.endOffer(offer.offerId, true),
      Math.max(0, offer.expiresAt - now) + OFFER_GRACE_MS,
    );
    if (this.owner && !this.rings(m.data)) this.ringSound(offer.conversationId);
  }

  /** Opens the sound while it rings, so that answering does not wait for it. */
  private ringSound(conversationId: string): void {
    if (!this.hasSound(conversationId)) void this.openPeer(conversationId, false).catch(() => undefined); // the state of the microphone tells
  }

  /** Whether the offer rings on a desk phone. */
  private rings(data: unknown): boolean {
    return (data as { device?: unknown } | undefined)?.device === "phone";
  }

  private endOffer(offerId: string, missed: boolean): void {
    const phone = this.phone;
    if (phone.phase !== "ringing" || phone.offer.offerId !== offerId) return;
    clearTimeout(this.offerTimer);
    this.closePeer();
    this.dispatch({ kind: "offer_ended", offerId });
    if (missed) this.w.onMissed(phone);
  }

  private onWork(work: Work): void {
    const before = this.phone;
    if (work.state === "idle" && before.phase === "ringing") {
      if (work.conversationId === before.offer.conversationId) this.endOffer(before.offer.offerId, false);
      return;
    }
    this.dispatch({ kind: "work", work });
    if (work.state === "reserved" || work.state === "alerting") return; // changes nothing yet
    const after = this.phone;
    if (after.phase === "talking") {
      if (this.peer?.peer.live) this.dispatch({ kind: "media", media: "live" });
      this.ensureSound();
    } else if (after.phase !== "ringing") this.closePeer();
  }

  /** Whether the conversation has its connection, or is getting it. */
  private hasSound(conversationId: string): boolean {
    return this.peer?.conversationId === conversationId || this.openingFor === conversationId;
  }

  private restoreSound(): void {
    if (this.owner && this.phone.phase === "ringing") this.ringSound(this.phone.offer.conversationId);
    else this.ensureSound();
  }

  /** A talking phone without a connection gets one: after a reload or a fault. */
  private ensureSound(): void {
    const phone = this.phone;
    if (!this.owner || phone.phase !== "talking" || this.hasSound(phone.conversationId)) return;
    void this.openPeer(phone.conversationId, true).catch(() => this.resumeSoon());
  }

  private resumeSoon(): void {
    clearTimeout(this.resumeTimer);
    const wait = Math.min(RESUME_MOST_MS, RESUME_FIRST_MS * 2 ** this.failures++);
    this.resumeTimer = setTimeout(() => this.restoreSound(), wait);
  }

  private async openPeer(conversationId: string, resume: boolean): Promise<void> {
    if (this.w.deskPhone) return;
    this.closePeer();
    const attempt = ++this.opening;
    this.openingFor = conversationId;
    let stream: MediaStream;
    try {
      stream = await openMicrophone();
      useSoftphone.getState().setMic("ready");
    } catch (err) {
      useSoftphone.getState().setMic(micStateOf(err));
      if (attempt === this.opening) this.openingFor = undefined;
      throw err;
    }
    if (attempt !== this.opening) return;
    const peer = new Peer(
      stream,
      this.w.audio,
      {
        send: (type, data) => this.w.send(type, data),
        onState: (state) => this.onPeerState(peer, state),
        onFigures: (figures) => useSoftphone.getState().setFigures(figures),
        onMicrophoneEnded: () => this.onMicrophoneEnded(),
      },
      this.w.iceServers(),
    );
    this.openingFor = undefined;
    this.peer = { conversationId, peer };
    this.connectTimer = setTimeout(() => this.onPeerState(peer, "lost"), CONNECT_MS);
    try {
      await peer.offer({ conversation_id: conversationId, resume });
    } catch (err) {
      if (attempt !== this.opening) return; // closed meanwhile, on purpose
      this.closePeer();
      throw err;
    }
    if (this.phone.phase === "talking" && this.phone.muted) peer.setMuted(true);
  }

  private onPeerState(peer: Peer, state: PeerState): void {
    if (this.peer?.peer !== peer) return;
    this.dispatch({ kind: "media", media: state });
    if (state === "live") {
      this.failures = 0;
      clearTimeout(this.connectTimer);
    }
    if (state === "lost") {
      this.closePeer();
      this.resumeSoon();
    }
  }

  /** The headset was unplugged: go on with what is left, and say so. */
  private onMicrophoneEnded(): void {
    releaseMicrophone();
    void this.prepareMicrophone();
  }

  /** Something was plugged in or out: perhaps the microphone that is missing. */
  private readonly onDevices = (): void => {
    if (useSoftphone.getState().mic === "missing") void this.prepareMicrophone();
  };

  private onClosed(data: unknown): void {
    if (!this.addressed(data)) return;
    const reason = (data as { reason?: unknown } | undefined)?.reason;
    this.closePeer();
    if (reason === "taken" || reason === "taken_over") this.setOwner(false);
    else if (this.phone.phase === "talking") {
      this.dispatch({ kind: "media", media: "lost" });
      this.resumeSoon();
    }
  }

  /** The server would not open the sound now; while the call lasts, another try. */
  private onRefused(): void {
    this.closePeer();
    if (this.phone.phase !== "talking") return;
    this.dispatch({ kind: "media", media: "lost" });
    this.resumeSoon();
  }

  private closePeer(): void {
    clearTimeout(this.resumeTimer);
    clearTimeout(this.connectTimer);
    this.opening++;
    this.openingFor = undefined;
    this.peer?.peer.close();
    this.peer = undefined;
    useSoftphone.getState().setFigures(undefined);
  }

  /** A message that names another conversation than the peer's is a late one. */
  private addressed(data: unknown): boolean {
    const id = (data as { conversation_id?: unknown } | undefined)?.conversation_id;
    return (
      this.peer !== undefined && (typeof id !== "string" || id === "" || id === this.peer.conversationId)
    );
  }
}
