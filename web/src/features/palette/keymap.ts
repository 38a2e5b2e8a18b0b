// Which keys mean what. Pure: no page, no storage.
//
// A binding is one chord ("M", "Shift+E", "Ctrl+Shift+A", "?") or two one after
// the other ("G I"). Letters are named by what the key writes, whatever Caps
// Lock says; "Mod" is Ctrl, or Command on a Mac. An empty binding is none.

export const DEFAULT_KEYS = {
  palette: "Mod+K",
  help: "?",
  answer: "Ctrl+Shift+A",
  reject: "Ctrl+Shift+X",
  mute: "M",
  hold: "H",
  record: "R",
  keypad: "D",
  transfer: "T",
  add: "A",
  consult_complete: "Shift+C",
  consult_merge: "Shift+G",
  consult_swap: "S",
  consult_cancel: "Shift+B",
  end: "Shift+E",
  listen: "1",
  whisper: "2",
  join: "3",
  take_over: "Shift+O",
  leave: "Shift+L",
  next: "J",
  previous: "K",
  note: "N",
  go_inbox: "G I",
  go_calls: "G C",
  go_customers: "G U",
  go_wallboard: "G W",
  go_figures: "G F",
  go_settings: "G S",
} as const;

export type KeyAction = keyof typeof DEFAULT_KEYS;
export type Keys = Record<KeyAction, string>;
export const KEY_ACTIONS = Object.keys(DEFAULT_KEYS) as KeyAction[];

type Press = Pick<KeyboardEvent, "key" | "code" | "ctrlKey" | "altKey" | "shiftKey" | "metaKey">;

const NO_KEY = new Set([
  "Shift",
  "Control",
  "Alt",
  "Meta",
  "AltGraph",
  "CapsLock",
  "NumLock",
  "Dead",
  "Process",
]);

/** The chord of a key press; undefined for modifiers alone and for input methods. */
export function chordOf(e: Press): string | undefined {
  if (NO_KEY.has(e.key) || e.key === "Unidentified" || e.key === "") return undefined;
  const one = [...e.key].length === 1;
  const code = /^Key([A-Z])$|^Digit(\d)$/.exec(e.code);
  let key = e.key;
  let symbol = false; // what a symbol is written with differs between keyboards
  if (/^[a-z]$/i.test(key)) key = key.toUpperCase();
  else if (one && code && (key > "~" || e.altKey))
    key = code[1] ?? code[2] ?? key; // another script, or a Mac's Option
  else if (key === " ") key = "Space";
  else if (one && !/\d/.test(key)) symbol = true;
  if (key === "+") key = "Plus";
  return [e.ctrlKey && "Ctrl", e.altKey && "Alt", e.shiftKey && !symbol && "Shift", e.metaKey && "Meta", key]
    .filter(Boolean)
    .join("+");
}

/** Whether a chord may act while somebody writes: a letter alone must not. */
export function worksInFields(chord: string): boolean {
  return /^(Ctrl|Alt|Meta|Mod)\+/.test(chord) || /^(Shift\+)?F\d+$/.test(chord);
}

function same(bound: string, chord: string): boolean {
  return bound.startsWith("Mod+")
    ? chord === bound.replace("Mod", "Ctrl") ||
        chord.split("+").toSorted().join() === bound.replace("Mod", "Meta").split("+").toSorted().join()
    : bound === chord;
}

/**
 * What a chord does, given the chord that began a sequence. "begin" is the first
 * half of one. With singles off, only chords with Ctrl, Alt or Command act.
 */
export function actionOf(
  keys: Keys,
  singles: boolean,
  first: string | undefined,
  chord: string,
): KeyAction | "begin" | undefined {
  if (!singles && !worksInFields(chord)) return undefined;
  let begins = false;
  let alone: KeyAction | undefined;
  for (const action of KEY_ACTIONS) {
    const [a = "", b] = keys[action].split(" ");
    if (a === "") continue;
    if (b === undefined) {
      if (same(a, chord)) alone ??= action;
    } else if (first !== undefined && same(a, first) && same(b, chord)) return action;
    else if (same(a, chord)) begins = true;
  }
  return alone ?? (begins ? "begin" : undefined);
}

/** Which other action a binding would stand in the way of. */
export function clash(keys: Keys, action: KeyAction, binding: string): KeyAction | undefined {
  const [a = "", b] = binding.split(" ");
  return KEY_ACTIONS.find((other) => {
    if (other === action || keys[other] === "") return false;
    const [x = "", y] = keys[other].split(" ");
    if (!same(x, a) && !same(a, x)) return false;
    return b === undefined || y === undefined || b === y;
  });
}

/** Takes one more chord into a new binding; done when no second one may follow. */
export function capture(before: string[], chord: string): { chords: string[]; done: boolean } {
  const chords = [...before, chord];
  return { chords, done: chords.length === 2 || !/^[A-Z0-9]$/.test(chord) };
}

/** Keys that move the focus, press what has it or finish a form; they cannot be bound. */
export function bindable(chord: string): boolean {
  return !/^(Ctrl\+|Meta\+|Shift\+)?(Tab|Enter|Space|Escape|Arrow\w+|Backspace|Delete)$/.test(chord);
}

/** A binding as people read it, key by key. */
export function keyLabels(binding: string, mac: boolean): string[] {
  return binding
    .split(/[ +]/)
    .filter(Boolean)
    .map((k) => {
      if (k === "Mod") return mac ? "⌘" : "Ctrl";
      if (k === "Meta") return mac ? "⌘" : "Win";
      if (k === "Plus") return "+";
      return k;
    });
}

/** A binding for aria-keyshortcuts, which knows no sequences. */
export function ariaKeys(binding: string): string | undefined {
  if (binding === "" || binding.includes(" ")) return undefined;
  const full = binding.replace("Ctrl", "Control");
  return full.startsWith("Mod+") ? `${full.replace("Mod", "Control")} ${full.replace("Mod", "Meta")}` : full;
}
