// Which of this browser's tabs has the softphone. One has it; a new tab asks,
// and takes over only when its user says so.

export type TabMessage =
  | { kind: "who"; from: string }
  | { kind: "mine"; from: string }
  | { kind: "take"; from: string };

export type TabRole = "asking" | "owner" | "watcher";

export interface TabState {
  id: string;
  role: TabRole;
}

export type TabInput = { kind: "heard"; message: TabMessage } | { kind: "silence" } | { kind: "take" };

export interface TabStep {
  state: TabState;
  say?: TabMessage;
}

/** The whole rule: no React, no channel. */
export function reduceTabs(state: TabState, input: TabInput): TabStep {
  switch (input.kind) {
    case "silence": // nobody answered "who"
      return state.role === "asking" ? { state: { ...state, role: "owner" } } : { state };
    case "take":
      return { state: { ...state, role: "owner" }, say: { kind: "take", from: state.id } };
    case "heard": {
      const m = input.message;
      if (m.from === state.id) return { state };
      if (m.kind === "take") return { state: { ...state, role: "watcher" } };
      if (m.kind === "mine") {
        // Two owners can meet when both asked at once: the smaller id keeps it.
        if (state.role === "owner" && state.id < m.from) return { state, say: { kind: "mine", from: state.id } };
        return { state: { ...state, role: "watcher" } };
      }
      return state.role === "owner" ? { state, say: { kind: "mine", from: state.id } } : { state };
    }
    default:
      return input satisfies never;
  }
}

const ANSWER_WITHIN_MS = 150;

/** Runs the rule over a BroadcastChannel of this browser and this user. */
export class Tabs {
  private state: TabState = { id: newTabId(), role: "asking" };
  private readonly channel: BroadcastChannel;
  private readonly timer: ReturnType<typeof setTimeout>;

  constructor(
    user: string,
    private readonly onRole: (role: TabRole) => void,
  ) {
    this.channel = new BroadcastChannel(`hotline.softphone.${user}`);
    this.channel.onmessage = (e: MessageEvent<TabMessage>) => this.apply({ kind: "heard", message: e.data });
    this.channel.postMessage({ kind: "who", from: this.state.id } satisfies TabMessage);
    this.timer = setTimeout(() => this.apply({ kind: "silence" }), ANSWER_WITHIN_MS);
  }

  take(): void {
    this.apply({ kind: "take" });
  }

  close(): void {
    clearTimeout(this.timer);
    this.channel.close();
  }

  private apply(input: TabInput): void {
    const before = this.state.role;
    const step = reduceTabs(this.state, input);
    this.state = step.state;
    if (step.say) this.channel.postMessage(step.say);
    if (step.state.role !== before || input.kind === "take") this.onRole(step.state.role);
  }
}

/** crypto.randomUUID exists on https only; this serves plain http too. */
function newTabId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(16).padStart(2, "0")).join("");
}
