/** What the keys and the palette may want of the supervised call. */
export type SupervisionCommand = "listen" | "whisper" | "join" | "take_over" | "leave";

const EVENT = "hotline:supervise";

/** Commands from the keyboard reach the bar by events of the window. */
export function commandSupervision(command: SupervisionCommand): void {
  dispatchEvent(new CustomEvent<SupervisionCommand>(EVENT, { detail: command }));
}

/** Hears commands until the returned function is called. */
export function onSupervisionCommand(hear: (command: SupervisionCommand) => void): () => void {
  const on = (e: Event) => hear((e as CustomEvent<SupervisionCommand>).detail);
  addEventListener(EVENT, on);
  return () => removeEventListener(EVENT, on);
}
