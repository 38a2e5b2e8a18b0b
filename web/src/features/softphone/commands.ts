// Commands from the keyboard reach the call's buttons by events of the window.

export type CallCommand = "mute" | "hold" | "record" | "keypad" | "transfer" | "add" | "end";

const EVENT = "hotline:call";

export function commandCall(command: CallCommand): void {
  dispatchEvent(new CustomEvent<CallCommand>(EVENT, { detail: command }));
}

/** Hears commands until the returned function is called. */
export function onCallCommand(hear: (command: CallCommand) => void): () => void {
  const on = (e: Event) => hear((e as CustomEvent<CallCommand>).detail);
  addEventListener(EVENT, on);
  return () => removeEventListener(EVENT, on);
}
