import { create } from "zustand";
import type { RecordingState } from "./messages";
import type { MicState } from "./microphone";
import type { NoteState } from "./notes";
import type { Parties } from "./parties";
import type { LineFigures } from "./quality";
import { idle, type Phone, type PhoneInput, reducePhone } from "./state";

interface SoftphoneStore {
  phone: Phone;
  mic: MicState;
  figures: LineFigures | undefined;
  /** Of the call of which the server told last. */
  recording: RecordingState | undefined;
  /** Who is in the agent's call, and what is being asked. */
  parties: Parties | undefined;
  /** Another tab of this browser, or another browser, has the sound. */
  elsewhere: boolean;
  /** What the agent has typed in this tab, by conversation; else the server's text counts. */
  notes: Record<string, string>;
  noteStates: Record<string, NoteState>;
  dispatch(input: PhoneInput): void;
  setMic(mic: MicState): void;
  setFigures(figures: LineFigures | undefined): void;
  setRecording(recording: RecordingState): void;
  setElsewhere(elsewhere: boolean): void;
  setParties(parties: Parties | undefined): void;
  setNote(conversationId: string, text: string): void;
  setNoteState(conversationId: string, state: NoteState): void;
  /** The server has the note: the tab need not keep it. */
  dropNote(conversationId: string): void;
  /** Whose tab this is now; what another person left in it goes. */
  adopt(userId: string): void;
  forget(): void;
}

const NOTES = "hotline.notes";

let owner = "";

/** The notes that this person left in this tab: a reload in the call must not lose them. */
function storedNotes(): Record<string, string> {
  try {
    const kept = JSON.parse(sessionStorage.getItem(NOTES) ?? "{}") as {
      user?: unknown;
      notes?: Record<string, string>;
    };
    return kept.user === owner ? (kept.notes ?? {}) : {};
  } catch {
    return {};
  }
}

function keepNotes(notes: Record<string, string>): void {
  if (Object.keys(notes).length > 0) sessionStorage.setItem(NOTES, JSON.stringify({ user: owner, notes }));
  else sessionStorage.removeItem(NOTES);
}

export const useSoftphone = create<SoftphoneStore>()((set) => ({
  phone: idle,
  mic: "unknown",
  figures: undefined,
  recording: undefined,
  parties: undefined,
  elsewhere: false,
  notes: {},
  noteStates: {},
  dispatch: (input) => set((s) => ({ phone: reducePhone(s.phone, input) })),
  setMic: (mic) => set({ mic }),
  setFigures: (figures) => set({ figures }),
  setRecording: (recording) => set({ recording }),
  setElsewhere: (elsewhere) => set({ elsewhere }),
  setParties: (parties) => set({ parties }),
  setNote: (conversationId, text) =>
    set((s) => {
      const notes = { ...s.notes, [conversationId]: text };
      keepNotes(notes);
      return { notes };
    }),
  setNoteState: (conversationId, state) =>
    set((s) => ({ noteStates: { ...s.noteStates, [conversationId]: state } })),
  dropNote: (conversationId) =>
    set((s) => {
      const notes = { ...s.notes };
      const noteStates = { ...s.noteStates };
      delete notes[conversationId];
      delete noteStates[conversationId];
      keepNotes(notes);
      return { notes, noteStates };
    }),
  adopt: (userId) => {
    owner = userId;
    const notes = storedNotes();
    keepNotes(notes);
    set({ notes, noteStates: {} });
  },
  forget: () => {
    owner = "";
    keepNotes({});
    set({ ...useSoftphone.getInitialState(), notes: {}, noteStates: {} });
  },
}));

let focused = false;

/** Whether the note of the running call has the keyboard. */
export function noteHasFocus(): boolean {
  return focused;
}
export function setNoteFocus(on: boolean): void {
  focused = on;
}
