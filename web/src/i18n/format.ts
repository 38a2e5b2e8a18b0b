import { currentLanguage } from "./index";

/** Seconds as m:ss or h:mm:ss, for running timers. */
export function clock(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  const h = Math.floor(s / 3600);
  const m = Math.floor((s % 3600) / 60);
  const ss = String(s % 60).padStart(2, "0");
  return h > 0 ? `${h}:${String(m).padStart(2, "0")}:${ss}` : `${String(m).padStart(2, "0")}:${ss}`;
}

/** A Go zero time, an empty string and an absent value all mean "never". */
export function hasTime(ts: string | null | undefined): ts is string {
  return !!ts && !ts.startsWith("0001-01-01");
}

export function millis(ts: string | null | undefined): number | undefined {
  if (!hasTime(ts)) return undefined;
  const t = Date.parse(ts);
  return Number.isNaN(t) ? undefined : t;
}

function format(ts: string | undefined | null, options: Intl.DateTimeFormatOptions): string {
  const t = millis(ts);
  return t === undefined ? "–" : new Intl.DateTimeFormat(currentLanguage(), options).format(t);
}

export function timeOfDay(ts: string | undefined | null): string {
  return format(ts, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}

export function dateTime(ts: string | undefined | null): string {
  return format(ts, {
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    hour12: false,
  });
}

export function day(ts: string | undefined | null): string {
  return format(ts, { year: "numeric", month: "long", day: "numeric", weekday: "short" });
}

/** How long ago, short: 5 s, 3 min, 2 h, 4 d in the page's language. */
export function ago(ts: string | undefined | null, now: number): string {
  const t = millis(ts);
  if (t === undefined) return "–";
  const s = Math.max(0, Math.floor((now - t) / 1000));
  const unit = (value: number, name: string) =>
    new Intl.NumberFormat(currentLanguage(), {
      style: "unit",
      unit: name,
      unitDisplay: currentLanguage() === "en" ? "narrow" : "short",
    }).format(value);
  if (s < 60) return unit(s, "second");
  if (s < 3600) return unit(Math.floor(s / 60), "minute");
  if (s < 86400) return unit(Math.floor(s / 3600), "hour");
  return unit(Math.floor(s / 86400), "day");
}

export function number(value: number, digits = 0): string {
  return new Intl.NumberFormat(currentLanguage(), {
    maximumFractionDigits: digits,
    minimumFractionDigits: digits,
  }).format(value);
}

/** A share between 0 and 1 as a percentage. */
export function percent(value: number | null | undefined, digits = 1): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  return new Intl.NumberFormat(currentLanguage(), {
    style: "percent",
    maximumFractionDigits: digits,
    minimumFractionDigits: digits,
  }).format(value);
}

export function languageName(tag: string): string {
  if (!tag) return "–";
  try {
    return new Intl.DisplayNames([currentLanguage()], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

export function bytes(n: number): string {
  if (n < 1024 * 1024) return `${number(n / 1024, 0)} kB`;
  return `${number(n / 1024 / 1024, 1)} MB`;
}
