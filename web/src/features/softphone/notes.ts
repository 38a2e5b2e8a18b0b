import { ApiError } from "@/api/problem";

const SETTLE_MS = 700; // typing goes on: send the text once, not for every key
const RETRY_MS = 3000;
const DROP_MS = 2000;

export type NoteState = "saved" | "saving" | "failed" | "refused";

/**
 * NoteKeeper sends what an agent writes about a call to the server while they
 * write, so that a wrap-up that runs out, a closed tab or another computer loses
 * nothing. A later text replaces one that was not sent yet.
 */
export class NoteKeeper {
  private readonly waiting = new Map<string, string>();
  private readonly sending = new Map<string, Promise<void>>();
  private readonly dropped = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly put: (conversationId: string, note: string) => Promise<void>,
    private readonly onState: (conversationId: string, state: NoteState) => void,
  ) {}

  write(conversationId: string, note: string): void {
    this.dropped.delete(conversationId);
    this.waiting.set(conversationId, note);
    this.onState(conversationId, "saving");
    this.timer ??= setTimeout(() => void this.flush(), SETTLE_MS);
  }

  /**
   * The note goes out another way, with the wrap-up. Waits for a text that is on
   * its way, though not for ever: it must not arrive behind the last one.
   */
  async drop(conversationId: string): Promise<void> {
    this.waiting.delete(conversationId);
    this.dropped.add(conversationId);
    const sent = this.sending.get(conversationId);
    if (sent) await Promise.race([sent, new Promise((done) => setTimeout(done, DROP_MS))]);
  }

  /** Sends what waits now: the call is over, or the page is being left. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const notes = [...this.waiting];
    this.waiting.clear();
    await Promise.all(notes.map(([id, note]) => this.sendInTurn(id, note)));
  }

  /** Texts of one call go out one after another. */
  private async sendInTurn(id: string, note: string): Promise<void> {
    const sent = (this.sending.get(id) ?? Promise.resolve()).then(() => this.send(id, note));
    this.sending.set(id, sent);
    await sent;
    if (this.sending.get(id) === sent) this.sending.delete(id);
  }

  private async send(id: string, note: string): Promise<void> {
    if (this.dropped.has(id)) return;
    try {
      await this.put(id, note);
      if (!this.waiting.has(id)) this.onState(id, "saved");
    } catch (err) {
      if (this.dropped.has(id)) return;
      const status = err instanceof ApiError ? err.status : 0;
      if (status >= 400 && status < 500 && status !== 429) {
        this.onState(id, "refused"); // not this agent's part any more: the text stays in this tab
        return;
      }
      if (!this.waiting.has(id)) this.waiting.set(id, note);
      this.onState(id, "failed");
      this.timer ??= setTimeout(() => void this.flush(), RETRY_MS);
    }
  }

  close(): void {
    void this.flush();
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
