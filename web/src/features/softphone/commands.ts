// Commands from the keyboard reach the call's buttons by events of the window.

export type CallCommand = "mute" | "hold" | "record" | "keypad" | "transfer" | "add" | "end";
/** Steps of a consultation, taking the customer back from a flow, and leaving a call that goes on with others. */
export type ConsultCommand = "complete" | "merge" | "swap" | "cancel" | "leave" | "take_back";

const EVENT = "hotline:call";
const CONSULT = "hotline:consult";

export function commandCall(command: CallCommand): void {
  dispatchEvent(new CustomEvent<CallCommand>(EVENT, { detail: command }));
}

export function commandConsult(command: ConsultCommand): void {
  dispatchEvent(new CustomEvent<ConsultCommand>(CONSULT, { detail: command }));
}

/** Hears steps of a consultation until the returned function is called. */
export function onConsultCommand(hear: (command: ConsultCommand) => void): () => void {
  const on = (e: Event) => hear((e as CustomEvent<ConsultCommand>).detail);
  addEventListener(CONSULT, on);
  return () => removeEventListener(CONSULT, on);
}

/** Hears commands until the returned function is called. */
export function onCallCommand(hear: (command: CallCommand) => void): () => void {
  const on = (e: Event) => hear((e as CustomEvent<CallCommand>).detail);
  addEventListener(EVENT, on);
  return () => removeEventListener(EVENT, on);
}
