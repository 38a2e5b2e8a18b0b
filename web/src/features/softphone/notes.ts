import { ApiError } from "@/api/problem";

const SETTLE_MS = 700; // typing goes on: send the text once, not for every key
const RETRY_MS = 3000;

export type NoteState = "saved" | "saving" | "failed" | "refused";

/**
 * NoteKeeper sends what an agent writes about a call to the server while they
 * write, so that a wrap-up that runs out, a closed tab or another computer loses
 * nothing. A later text replaces one that was not sent yet.
 */
export class NoteKeeper {
  private readonly waiting = new Map<string, string>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly put: (conversationId: string, note: string) => Promise<void>,
    private readonly onState: (conversationId: string, state: NoteState) => void,
  ) {}

  write(conversationId: string, note: string): void {
    this.waiting.set(conversationId, note);
    this.onState(conversationId, "saving");
    this.timer ??= setTimeout(() => void this.flush(), SETTLE_MS);
  }

  /** The note goes out another way, with the wrap-up. */
  drop(conversationId: string): void {
    this.waiting.delete(conversationId);
  }

  /** Sends what waits now: the call is over, or the page is being left. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const notes = [...this.waiting];
    this.waiting.clear();
    await Promise.all(notes.map(([id, note]) => this.send(id, note)));
  }

  private async send(id: string, note: string): Promise<void> {
    try {
      await this.put(id, note);
      if (!this.waiting.has(id)) this.onState(id, "saved");
    } catch (err) {
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
