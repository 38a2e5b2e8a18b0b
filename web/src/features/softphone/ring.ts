// The ringing sound, made here so that it needs no file: two short notes,
// repeated, quiet enough for a headset.

let context: AudioContext | undefined;

function notes(ctx: AudioContext): void {
  const gain = ctx.createGain();
  gain.connect(ctx.destination);
  const at = ctx.currentTime + 0.02;
  [
    { hz: 587, from: 0 },
    { hz: 784, from: 0.18 },
  ].forEach(({ hz, from }) => {
    const osc = ctx.createOscillator();
    const level = ctx.createGain();
    osc.frequency.value = hz;
    level.gain.setValueAtTime(0, at + from);
    level.gain.linearRampToValueAtTime(0.08, at + from + 0.02);
    level.gain.exponentialRampToValueAtTime(0.0005, at + from + 0.4);
    osc.connect(level).connect(gain);
    osc.start(at + from);
    osc.stop(at + from + 0.45);
  });
}

/** Rings until the returned function is called. */
export function ring(): () => void {
  try {
    context ??= new AudioContext();
  } catch {
    return () => undefined; // no sound card: the page still shows the call
  }
  const ctx = context;
  void ctx.resume().catch(() => undefined);
  notes(ctx);
  const id = setInterval(() => notes(ctx), 2000);
  return () => clearInterval(id);
}
