import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { askForNotices, showCall } from "./desktop";

class Notice {
  static permission = "granted";
  static asked = 0;
  static requestPermission = async () => {
    Notice.asked++;
    return "granted";
  };
  closed = false;
  onclick: (() => void) | undefined;
  constructor(
    readonly title: string,
    readonly options: NotificationOptions,
  ) {
    notices.push(this);
  }
  close(): void {
    this.closed = true;
  }
}

let notices: Notice[] = [];
let page: { hidden: boolean; focus: boolean };
let hear: Record<string, () => void>;
let focused = 0;

beforeEach(() => {
  notices = [];
  hear = {};
  focused = 0;
  Notice.permission = "granted";
  Notice.asked = 0;
  page = { hidden: false, focus: true };
  vi.stubGlobal("Notification", Notice);
  vi.stubGlobal("window", { focus: () => focused++ });
  const listen = (type: string, f: () => void) => {
    hear[type] = f;
  };
  vi.stubGlobal("addEventListener", listen);
  vi.stubGlobal("removeEventListener", (type: string) => void delete hear[type]);
  vi.stubGlobal("document", {
    get hidden() {
      return page.hidden;
    },
    hasFocus: () => page.focus,
    addEventListener: listen,
    removeEventListener: (type: string) => void delete hear[type],
  });
});
afterEach(() => vi.unstubAllGlobals());

describe("a call that rings while the agent looks elsewhere", () => {
  it("is shown by the computer, and brings the page forward", () => {
    page.hidden = true;
    const stop = showCall("of_1", "Incoming call", "Lin Wei");
    expect(notices).toHaveLength(1);
    expect(notices[0]).toMatchObject({ title: "Incoming call", options: { body: "Lin Wei", tag: "of_1" } });
    notices[0]?.onclick?.();
    expect(focused).toBe(1);
    stop();
    expect(notices[0]?.closed).toBe(true);
    expect(hear).toEqual({});
  });
  it("is shown when they look away while it rings, once", () => {
    showCall("of_1", "Incoming call", "Lin Wei");
    expect(notices).toHaveLength(0);
    page.focus = false;
    hear.blur?.();
    hear.visibilitychange?.();
    expect(notices).toHaveLength(1);
  });
  it("is not shown without the right to", () => {
    page.hidden = true;
    Notice.permission = "denied";
    showCall("of_1", "Incoming call", "Lin Wei");
    expect(notices).toHaveLength(0);
  });
  it("is asked about until there is an answer", () => {
    Notice.permission = "default";
    askForNotices();
    expect(Notice.asked).toBe(1);
    Notice.permission = "denied";
    askForNotices();
    expect(Notice.asked).toBe(1);
  });
});
