import { afterEach, describe, expect, it, vi } from "vitest";
import {
  actionOf,
  ariaKeys,
  bindable,
  capture,
  chordOf,
  clash,
  DEFAULT_KEYS,
  type Keys,
  keyLabels,
} from "./keymap";

const keys: Keys = { ...DEFAULT_KEYS };
function press(key: string, more: Partial<KeyboardEvent> = {}): string | undefined {
  const code = /^[a-z]$/i.test(key) ? `Key${key.toUpperCase()}` : "";
  return chordOf({ key, code, ctrlKey: false, altKey: false, shiftKey: false, metaKey: false, ...more });
}
const does = (chord: string | undefined, first?: string) =>
  chord === undefined ? undefined : actionOf(keys, true, first, chord);

describe("a key press", () => {
  it("ends a call with Shift+E only, whatever Caps Lock says", () => {
    expect(does(press("E"))).toBeUndefined(); // Caps Lock
    expect(does(press("e", { shiftKey: true }))).toBe("end"); // Caps Lock and Shift
    expect(does(press("E", { shiftKey: true }))).toBe("end");
  });
  it("works with Caps Lock as without", () => expect(does(press("M"))).toBe("mute"));
  it.each<[string, Partial<KeyboardEvent>]>([
    ["m", { ctrlKey: true }],
    ["h", { altKey: true }],
    ["t", { metaKey: true }],
    ["m", { shiftKey: true }],
    ["E", { shiftKey: true, ctrlKey: true }],
  ])("%s with other modifiers does nothing", (key, more) => expect(does(press(key, more))).toBeUndefined());
  it("opens the palette with Ctrl or Command", () => {
    expect(does(press("k", { ctrlKey: true }))).toBe("palette");
    expect(does(press("k", { metaKey: true }))).toBe("palette");
  });
  it("is read from the key where the keyboard writes another script", () => {
    expect(press("ь", { code: "KeyM" })).toBe("M");
    expect(press("Process", { code: "KeyM" })).toBeUndefined(); // an input method at work
  });
  it("takes ? from wherever the keyboard has it", () => {
    expect(does(press("?", { shiftKey: true, code: "Slash" }))).toBe("help");
    expect(does(press("?", { shiftKey: true, code: "Minus" }))).toBe("help");
  });
  it("goes places in two steps", () => {
    expect(does("G")).toBe("begin");
    expect(does("C", "G")).toBe("go_calls");
    expect(does("C")).toBeUndefined();
    expect(does("M", "G")).toBe("mute");
  });
  it("of a letter does nothing once letters are switched off", () => {
    expect(actionOf(keys, false, undefined, "M")).toBeUndefined();
    expect(actionOf(keys, false, undefined, "G")).toBeUndefined();
    expect(actionOf(keys, false, undefined, "Ctrl+Shift+A")).toBe("answer");
  });
});

describe("a new binding", () => {
  it("must not stand in another one's way", () => {
    expect(clash(keys, "mute", "H")).toBe("hold");
    expect(clash(keys, "mute", "G")).toBe("go_inbox");
    expect(clash(keys, "mute", "G I")).toBe("go_inbox");
    expect(clash(keys, "mute", "H X")).toBe("hold");
    expect(clash(keys, "mute", "Ctrl+K")).toBe("palette");
    expect(clash(keys, "mute", "Q")).toBeUndefined();
    expect(clash(keys, "mute", "G M")).toBeUndefined();
    expect(clash({ ...keys, hold: "" }, "mute", "H")).toBeUndefined();
  });
  it("is one chord, or two letters", () => {
    expect(capture([], "Ctrl+M")).toEqual({ chords: ["Ctrl+M"], done: true });
    expect(capture([], "Q")).toEqual({ chords: ["Q"], done: false });
    expect(capture(["Q"], "W")).toEqual({ chords: ["Q", "W"], done: true });
  });
  it("leaves the keys that move and press", () => {
    expect(["Tab", "Shift+Tab", "Enter", "Space", "Ctrl+Enter"].map(bindable)).toEqual(Array(5).fill(false));
    expect(["M", "F9", "Ctrl+M"].map(bindable)).toEqual([true, true, true]);
  });
  it("is shown as the computer calls its keys", () => {
    expect(keyLabels("Mod+K", true)).toEqual(["⌘", "K"]);
    expect(keyLabels("Mod+K", false)).toEqual(["Ctrl", "K"]);
    expect(keyLabels("G I", false)).toEqual(["G", "I"]);
    expect(ariaKeys("Ctrl+Shift+A")).toBe("Control+Shift+A");
    expect(ariaKeys("Mod+K")).toBe("Control+K Meta+K");
    expect(ariaKeys("G I")).toBeUndefined();
  });
});

describe("the kept keys", () => {
  afterEach(() => vi.unstubAllGlobals());
  it("are each person's own", async () => {
    const kept = new Map<string, string>();
    vi.stubGlobal("localStorage", {
      getItem: (k: string) => kept.get(k) ?? null,
      setItem: (k: string, v: string) => void kept.set(k, v),
    });
    const { useKeys } = await import("./keyStore");
    useKeys.getState().load("us_1");
    useKeys.getState().bind("mute", "Q");
    useKeys.getState().setSingles(false);
    useKeys.getState().load("us_2");
    expect(useKeys.getState()).toMatchObject({ singles: true, keys: { mute: "M" } });
    useKeys.getState().load("us_1");
    expect(useKeys.getState()).toMatchObject({ singles: false, keys: { mute: "Q", hold: "H" } });
    kept.set("hotline.keys.us_3", "no JSON");
    useKeys.getState().load("us_3");
    expect(useKeys.getState().keys).toEqual(DEFAULT_KEYS);
  });
});
