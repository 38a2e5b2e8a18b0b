/** What stands between this page and a microphone. */
export type MicState = "unknown" | "asking" | "ready" | "denied" | "missing" | "insecure";

const STORED_INPUT = "hotline.microphone";
const STORED_OUTPUT = "hotline.speaker";
const STORED_RAW = "hotline.raw-audio";

let kept: MediaStream | undefined;

export function chosenInput(): string {
  return localStorage.getItem(STORED_INPUT) ?? "";
}
export function chosenOutput(): string {
  return localStorage.getItem(STORED_OUTPUT) ?? "";
}
export function chooseOutput(id: string): void {
  localStorage.setItem(STORED_OUTPUT, id);
}

/** Whether echo cancellation, noise suppression and gain control are off. */
export function rawAudio(): boolean {
  return localStorage.getItem(STORED_RAW) === "1";
}
export function setRawAudio(on: boolean): void {
  localStorage.setItem(STORED_RAW, on ? "1" : "0");
  releaseMicrophone();
}

export function chooseInput(id: string): void {
  localStorage.setItem(STORED_INPUT, id);
  releaseMicrophone();
}

/** Browsers give no microphone to plain-http pages that are not of this computer. */
export function microphonePossible(): boolean {
  return typeof navigator.mediaDevices?.getUserMedia === "function";
}

/** Opens the microphone once and keeps it: opening takes up to 300 ms. */
export async function openMicrophone(): Promise<MediaStream> {
  if (kept?.getAudioTracks().some((t) => t.readyState === "live")) return kept;
  if (!microphonePossible()) throw new DOMException("no microphone on a plain-http page", "SecurityError");
  const clean = !rawAudio();
  const id = chosenInput();
  const wanted = { echoCancellation: clean, noiseSuppression: clean, autoGainControl: clean };
  try {
    kept = await navigator.mediaDevices.getUserMedia({
      audio: { ...wanted, ...(id ? { deviceId: { exact: id } } : {}) },
    });
  } catch (err) {
    if (!id || !(err instanceof DOMException) || err.name !== "OverconstrainedError") throw err;
    kept = await navigator.mediaDevices.getUserMedia({ audio: wanted }); // the chosen one was unplugged
  }
  return kept;
}

export function releaseMicrophone(): void {
  for (const track of kept?.getTracks() ?? []) track.stop();
  kept = undefined;
}

/** What a failed openMicrophone means for people. */
export function micStateOf(err: unknown): MicState {
  if (err instanceof DOMException) {
    if (err.name === "SecurityError") return "insecure";
    if (err.name === "NotAllowedError") return "denied";
    if (
      err.name === "NotFoundError" ||
      err.name === "OverconstrainedError" ||
      err.name === "NotReadableError"
    )
      return "missing";
  }
  return "missing";
}
