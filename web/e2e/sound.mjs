// Tones for Chromium's fake microphone, and what a page plays.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A 48 kHz mono WAV file of one tone, as Chromium's fake microphone wants it. */
export function tone(hz) {
  const rate = 48_000;
  const n = rate * 4;
  const b = Buffer.alloc(44 + n * 2);
  b.write("RIFF", 0);
  b.writeUInt32LE(36 + n * 2, 4);
  b.write("WAVEfmt ", 8);
  b.writeUInt32LE(16, 16);
  b.writeUInt16LE(1, 20);
  b.writeUInt16LE(1, 22);
  b.writeUInt32LE(rate, 24);
  b.writeUInt32LE(rate * 2, 28);
  b.writeUInt16LE(2, 32);
  b.writeUInt16LE(16, 34);
  b.write("data", 36);
  b.writeUInt32LE(n * 2, 40);
  for (let i = 0; i < n; i++)
    b.writeInt16LE(Math.round(9000 * Math.sin((2 * Math.PI * hz * i) / rate)), 44 + i * 2);
  const path = join(mkdtempSync(join(tmpdir(), "tone-")), `${hz}.wav`);
  writeFileSync(path, b);
  return path;
}

/** The loudest frequency in what the page's remote audio plays, over some frames. */
export async function heard(page, side) {
  return page.evaluate(async (who) => {
    const el = document.querySelector(`audio[data-remote-audio="${who}"]`);
    if (!el?.srcObject) return { hz: 0, level: -200 };
    const context = new AudioContext({ sampleRate: 48_000 });
    const analyser = context.createAnalyser();
    analyser.fftSize = 8192;
    analyser.smoothingTimeConstant = 0;
    context.createMediaStreamSource(el.srcObject).connect(analyser);
    const bins = new Float32Array(analyser.frequencyBinCount);
    let best = { hz: 0, level: -200 };
    for (let n = 0; n < 10; n++) {
      await new Promise((r) => setTimeout(r, 100));
      analyser.getFloatFrequencyData(bins);
      bins.forEach((db, i) => {
        if (i > 10 && db > best.level) best = { hz: Math.round((i * 48_000) / 8192), level: Math.round(db) };
      });
    }
    await context.close();
    return best;
  }, side);
}

/** The level of each of some frequencies in what the page's remote audio plays, in dB. */
export async function levels(page, side, frequencies) {
  return page.evaluate(
    async ([who, wanted]) => {
      const el = document.querySelector(`audio[data-remote-audio="${who}"]`);
      if (!el?.srcObject) return wanted.map(() => -200);
      const context = new AudioContext({ sampleRate: 48_000 });
      const analyser = context.createAnalyser();
      analyser.fftSize = 8192;
      analyser.smoothingTimeConstant = 0;
      context.createMediaStreamSource(el.srcObject).connect(analyser);
      const bins = new Float32Array(analyser.frequencyBinCount);
      const best = wanted.map(() => -200);
      for (let n = 0; n < 8; n++) {
        await new Promise((r) => setTimeout(r, 100));
        analyser.getFloatFrequencyData(bins);
        wanted.forEach((hz, i) => {
          const at = Math.round((hz * 8192) / 48_000);
          best[i] = Math.max(best[i], ...bins.slice(at - 2, at + 3));
        });
      }
      await context.close();
      return best;
    },
    [side, frequencies],
  );
}
