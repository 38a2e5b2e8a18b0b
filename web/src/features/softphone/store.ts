import { create } from "zustand";
import type { MicState } from "./microphone";
import type { LineFigures } from "./quality";
import { idle, type Phone, type PhoneInput, reducePhone } from "./state";

interface SoftphoneStore {
  phone: Phone;
  mic: MicState;
  figures: LineFigures | undefined;
  /** Another tab of this browser, or another browser, has the sound. */
  elsewhere: boolean;
  /** What the agent has typed about the current call; saved with the wrap-up. */
  notes: Record<string, string>;
  dispatch(input: PhoneInput): void;
  setMic(mic: MicState): void;
  setFigures(figures: LineFigures | undefined): void;
  setElsewhere(elsewhere: boolean): void;
  setNote(conversationId: string, text: string): void;
}

const NOTES = "hotline.notes";

function storedNotes(): Record<string, string> {
  try {
    return JSON.parse(sessionStorage.getItem(NOTES) ?? "{}") as Record<string, string>;
  } catch {
    return {};
  }
}

export const useSoftphone = create<SoftphoneStore>()((set) => ({
  phone: idle,
  mic: "unknown",
  figures: undefined,
  elsewhere: false,
  notes: storedNotes(),
  dispatch: (input) => set((s) => ({ phone: reducePhone(s.phone, input) })),
  setMic: (mic) => set({ mic }),
  setFigures: (figures) => set({ figures }),
  setElsewhere: (elsewhere) => set({ elsewhere }),
  setNote: (conversationId, text) =>
    set((s) => {
      const notes = { ...s.notes };
      if (text) notes[conversationId] = text;
      else delete notes[conversationId];
      sessionStorage.setItem(NOTES, JSON.stringify(notes)); // a reload in the call must not lose it
      return { notes };
    }),
}));

let focused = false;

/** Whether the note of the running call has the keyboard. */
export function noteHasFocus(): boolean {
  return focused;
}
export function setNoteFocus(on: boolean): void {
  focused = on;
}
