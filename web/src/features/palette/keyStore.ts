import { create } from "zustand";
import { DEFAULT_KEYS, KEY_ACTIONS, type KeyAction, type Keys } from "./keymap";

interface KeyStore {
  keys: Keys;
  /** Whether letters without Ctrl, Alt or Command act. */
  singles: boolean;
  /** Takes what this user has set in this browser. */
  load(userId: string): void;
  bind(action: KeyAction, binding: string): void;
  setSingles(on: boolean): void;
  reset(): void;
}

const STORED = "hotline.keys.";
let user = "";

function stored(userId: string): { keys: Keys; singles: boolean } {
  const keys: Keys = { ...DEFAULT_KEYS };
  let singles = true;
  try {
    const raw = JSON.parse(localStorage.getItem(STORED + userId) ?? "{}") as {
      singles?: unknown;
      keys?: Record<string, unknown>;
    };
    singles = raw.singles !== false;
    for (const action of KEY_ACTIONS) {
      const binding = raw.keys?.[action];
      if (typeof binding === "string") keys[action] = binding;
    }
  } catch {
    // Somebody else's text under our name: the defaults serve.
  }
  return { keys, singles };
}

/** The keys of the person at this browser; only what differs is kept. */
export const useKeys = create<KeyStore>()((set, get) => {
  const keep = () => {
    const { keys, singles } = get();
    const own = Object.fromEntries(
      KEY_ACTIONS.filter((a) => keys[a] !== DEFAULT_KEYS[a]).map((a) => [a, keys[a]]),
    );
    localStorage.setItem(STORED + user, JSON.stringify({ singles, keys: own }));
  };
  return {
    keys: { ...DEFAULT_KEYS },
    singles: true,
    load: (userId) => {
      user = userId;
      set(stored(userId));
    },
    bind: (action, binding) => {
      set((s) => ({ keys: { ...s.keys, [action]: binding } }));
      keep();
    },
    setSingles: (singles) => {
      set({ singles });
      keep();
    },
    reset: () => {
      set({ keys: { ...DEFAULT_KEYS }, singles: true });
      keep();
    },
  };
});

/** Whether keys are named as on a Mac. */
export const onMac = /Mac|iPhone|iPad/.test(typeof navigator === "undefined" ? "" : navigator.userAgent);
