/** How the line sounds, from either end's figures. */
export type Quality = "none" | "good" | "fair" | "poor";

export interface LineFigures {
  lossPercent: number; // of the last interval
  jitterMs: number;
  roundTripMs: number | undefined;
  mos: number | undefined; // the server's estimate, 1–4.5
  silentMs?: number; // for how long an open microphone has given digital silence
}

/** Grades a line: poor is where people start to ask "pardon?". */
export function grade(f: LineFigures | undefined): Quality {
  if (!f) return "none";
  const mos = f.mos && f.mos > 0 ? f.mos : undefined;
  if (f.lossPercent > 5 || f.jitterMs > 60 || (f.roundTripMs ?? 0) > 500 || (mos !== undefined && mos < 3.1))
    return "poor";
  if (f.lossPercent > 1 || f.jitterMs > 30 || (f.roundTripMs ?? 0) > 250 || (mos !== undefined && mos < 3.8))
    return "fair";
  return "good";
}

/** The counters of one getStats() reading that grading needs. */
export interface Counters {
  received: number;
  lost: number;
  jitterMs: number;
  roundTripMs: number | undefined;
  /** What the microphone gave so far (totalAudioEnergy); absent where the browser does not tell. */
  energy?: number;
}

export function countersOf(report: RTCStatsReport): Counters | undefined {
  let found: Counters | undefined;
  let rtt: number | undefined;
  let energy: number | undefined;
  for (const s of report.values() as Iterable<Record<string, unknown>>) {
    if (s.type === "inbound-rtp" && s.kind === "audio")
      found = {
        received: Number(s.packetsReceived ?? 0),
        lost: Number(s.packetsLost ?? 0),
        jitterMs: Number(s.jitter ?? 0) * 1000,
        roundTripMs: undefined,
      };
    if (s.type === "media-source" && typeof s.totalAudioEnergy === "number") energy = s.totalAudioEnergy;
    if (s.type === "candidate-pair" && s.nominated === true && typeof s.currentRoundTripTime === "number")
      rtt = s.currentRoundTripTime * 1000;
    if (s.type === "remote-inbound-rtp" && typeof s.roundTripTime === "number" && rtt === undefined)
      rtt = s.roundTripTime * 1000;
  }
  return found && { ...found, roundTripMs: rtt, energy };
}

/** Whether the microphone gave nothing at all: even a silent room has some noise. */
export function silentBetween(before: Counters | undefined, now: Counters): boolean {
  return before?.energy !== undefined && now.energy !== undefined && now.energy <= before.energy;
}

/** Figures of the interval between two readings. */
export function between(before: Counters | undefined, now: Counters, mos: number | undefined): LineFigures {
  const received = now.received - (before?.received ?? 0);
  const lost = Math.max(0, now.lost - (before?.lost ?? 0));
  const total = received + lost;
  return {
    lossPercent: total > 0 ? (100 * lost) / total : 0,
    jitterMs: now.jitterMs,
    roundTripMs: now.roundTripMs,
    mos,
  };
}
