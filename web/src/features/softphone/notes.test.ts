import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "@/api/problem";
import { NoteKeeper } from "./notes";

let sent: [string, string][] = [];
let fail: ApiError | undefined;
const states: string[] = [];
let keeper: NoteKeeper;

beforeEach(() => {
  vi.useFakeTimers();
  [sent, fail, states.length] = [[], undefined, 0];
  keeper = new NoteKeeper(
    async (id, note) => {
      if (fail) throw fail;
      sent.push([id, note]);
    },
    (_, s) => states.push(s),
  );
});
afterEach(() => vi.useRealTimers());

describe("a note being written", () => {
  it("reaches the server while it is written, once per pause", async () => {
    keeper.write("cv_1", "a");
    keeper.write("cv_1", "ab");
    await vi.advanceTimersByTimeAsync(800);
    expect(sent).toEqual([["cv_1", "ab"]]);
    expect(states.at(-1)).toBe("saved");
  });
  it("goes out at once when the call's work ends", async () => {
    keeper.write("cv_1", "half a sen");
    await keeper.flush();
    expect(sent).toEqual([["cv_1", "half a sen"]]);
  });
  it("is tried again while the server is away, with the newest text", async () => {
    fail = new ApiError(0, {});
    keeper.write("cv_1", "a");
    await vi.advanceTimersByTimeAsync(800);
    expect(states.at(-1)).toBe("failed");
    fail = undefined;
    keeper.write("cv_1", "ab");
    await vi.advanceTimersByTimeAsync(5000);
    expect(sent).toEqual([["cv_1", "ab"]]);
  });
  it("is not pressed on a server that refuses it", async () => {
    fail = new ApiError(409, {});
    keeper.write("cv_1", "a");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(states).toEqual(["saving", "refused"]);
  });
  it("is left to the wrap-up that carries it", async () => {
    keeper.write("cv_1", "a");
    await keeper.drop("cv_1");
    await vi.advanceTimersByTimeAsync(5000);
    expect(sent).toEqual([]);
  });
  it("does not come back behind the wrap-up when it failed on its way", async () => {
    let refuse: (reason: Error) => void = () => undefined;
    const put = vi.fn(() => new Promise<void>((_, reject) => (refuse = reject)));
    const slow = new NoteKeeper(put, () => undefined);
    slow.write("cv_1", "draft");
    await vi.advanceTimersByTimeAsync(1000);
    const dropped = slow.drop("cv_1");
    refuse(new Error("away"));
    await dropped;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(put).toHaveBeenCalledTimes(1);
  });
  it("goes out in the order of its writing", async () => {
    const ends: (() => void)[] = [];
    const order: string[] = [];
    const slow = new NoteKeeper(
      (_, note) => {
        order.push(note);
        return new Promise<void>((done) => ends.push(done));
      },
      () => undefined,
    );
    slow.write("cv_1", "a");
    await vi.advanceTimersByTimeAsync(1000);
    slow.write("cv_1", "ab");
    await vi.advanceTimersByTimeAsync(1000);
    expect(order).toEqual(["a"]);
    ends[0]?.();
    await vi.advanceTimersByTimeAsync(10);
    expect(order).toEqual(["a", "ab"]);
  });
});

describe("the notes of a tab", () => {
  afterEach(() => vi.unstubAllGlobals());
  it("are one person's, and gone with the log-out", async () => {
    const kept = new Map<string, string>();
    vi.stubGlobal("sessionStorage", {
      getItem: (k: string) => kept.get(k) ?? null,
      setItem: (k: string, v: string) => void kept.set(k, v),
      removeItem: (k: string) => void kept.delete(k),
    });
    const { useSoftphone } = await import("./store");
    const store = () => useSoftphone.getState();
    store().adopt("us_1");
    store().setNote("cv_1", "private");
    store().adopt("us_1"); // a reload
    expect(store().notes).toEqual({ cv_1: "private" });
    store().adopt("us_2");
    expect(store().notes).toEqual({});
    expect([...kept.values()].join()).not.toContain("private");
    store().setNote("cv_2", "private too");
    store().forget();
    expect(store().notes).toEqual({});
    expect(kept.size).toBe(0);
  });
});
