// What a script found out: a line for each check, and how it exits.
import os from "node:os";
import { loadedAgain } from "./lib.mjs";
import { levels } from "./sound.mjs";

let faults = 0;

/** Says whether something is as it should be. */
export function check(what, ok, detail = "") {
  if (!ok) faults++;
  console.log(`${ok ? "ok   " : "FAULT"} ${what}${detail ? ` (${detail})` : ""}`);
}

/** Ends the script: with 1 if anything was not as it should be. */
export function finish() {
  process.exit(faults === 0 ? 0 : 1);
}

/**
 * Loads a page again in a call: its user must be talking again within so many
 * seconds, or up to twice as long where more work waits than the machine has cores.
 */
export async function reload(what, page, seconds = 5) {
  const ms = await loadedAgain(page, 4 * seconds * 1000);
  const slow = Math.min(2, Math.max(1, os.loadavg()[0] / os.cpus().length));
  check(
    `${what}, loaded again: connected within ${seconds} s`,
    ms < seconds * 1000 * slow,
    `${ms} ms, load ${slow.toFixed(1)}`,
  );
}

/**
 * For people who each say a tone of their own (hertz by name): waits until a page
 * plays the wanted voices, and none of the others.
 */
export function hearing(tones) {
  const names = Object.keys(tones);
  return async (what, page, side, ...wanted) => {
    const until = Date.now() + 30_000;
    for (;;) {
      const found = await levels(page, side, Object.values(tones));
      const right = names.every((n, i) => (wanted.includes(n) ? found[i] > -45 : found[i] < -55));
      if (right || Date.now() > until) {
        check(what, right, names.map((n, i) => `${n} ${Math.round(found[i])} dB`).join(", "));
        return;
      }
    }
  };
}
