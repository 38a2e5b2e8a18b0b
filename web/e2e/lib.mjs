// Shared by the page tests: a browser, a log-in, axe, a screenshot.
//
// Environment:
//   BASE_URL   the installation (default http://127.0.0.1:8080)
//   PASSWORD   of the demo's users (default HOTLINE_DEMO_PASSWORD)
//   CHROMIUM   the browser (default /usr/bin/chromium)
//   SHOTS      folder for screenshots (default web/shots; empty: none are taken)
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

export const BASE = process.env.BASE_URL ?? "http://127.0.0.1:8080";
export const PASSWORD = process.env.PASSWORD ?? process.env.HOTLINE_DEMO_PASSWORD ?? "";
export const SHOTS = process.env.SHOTS ?? new URL("../shots/", import.meta.url).pathname;
export const LANGUAGES = ["en", "zh-CN", "ja"];

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Chromium with a fake microphone: its own beeps, or a 48 kHz WAV file. */
export function launch({ microphone } = {}) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--use-fake-ui-for-media-stream",
      "--use-fake-device-for-media-stream",
      ...(microphone ? [`--use-file-for-fake-audio-capture=${microphone}`] : []),
      "--autoplay-policy=no-user-gesture-required",
      "--ignore-certificate-errors",
    ],
  });
}

/** One person's browser: own cookies, language and theme. */
export function person(browser, { language = "en", theme = "light", width = 1440, height = 900 } = {}) {
  return browser.newContext({
    baseURL: BASE,
    locale: language,
    colorScheme: theme,
    viewport: { width, height },
    permissions: ["microphone"],
    ignoreHTTPSErrors: true,
    reducedMotion: "reduce",
  });
}

/** Logs a person in by the API and gives their pages the language. */
export async function logIn(context, email, language = "en") {
  const answer = await context.request.post("/api/v1/login", { data: { email, password: PASSWORD } });
  if (!answer.ok()) throw new Error(`log-in of ${email}: ${answer.status()} ${await answer.text()}`);
  await context.addInitScript((l) => localStorage.setItem("hotline.language", l), language);
  await context.request.patch("/api/v1/me", { data: { language } });
}

/** WCAG 2 A and AA faults of the page as it is now, one line each. */
export async function axe(page) {
  await page.evaluate(axeSource);
  const result = await page.evaluate(() =>
    globalThis.axe.run(document, {
      runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] },
      resultTypes: ["violations"],
    }),
  );
  return result.violations.flatMap((v) =>
    v.nodes.map(
      (n) =>
        `${v.id} (${v.impact}): ${n.target.join(" ")}: ${(n.any[0] ?? n.all[0] ?? n.none[0])?.message ?? v.help}`,
    ),
  );
}

export async function shot(page, name) {
  if (SHOTS === "") return;
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`) });
}

/** Waits until nothing is loading on the page. */
export async function settled(page) {
  await page.locator("h1, [role=alert]").first().waitFor({ timeout: 30_000 });
  await page.waitForFunction(() => document.querySelectorAll(".skeleton").length === 0, undefined, {
    timeout: 30_000,
  });
  await page.evaluate(() => document.fonts.ready);
  await page.waitForTimeout(250); // charts draw a frame after their data
}

/** Answers an open question; says what is wrong with it: the safe button must have the focus. */
export async function answer(page, action, cancel, yes) {
  const question = page
    .getByRole("dialog")
    .filter({ has: page.getByRole("button", { name: action, exact: true }) });
  const safe = question.getByRole("button", { name: cancel, exact: true });
  await safe.waitFor({ timeout: 30_000 });
  await page.waitForTimeout(400); // it fades in
  const faults = await axe(page);
  if (!(await safe.evaluate((el) => el === document.activeElement)))
    faults.push("the safe button has no focus");
  if (yes) await question.getByRole("button", { name: action, exact: true }).click();
  else await page.keyboard.press("Enter"); // what a hasty person presses
  await question.waitFor({ state: "detached", timeout: 30_000 });
  return faults;
}

/** Collects what the pages complain about on the console. */
export function complaints(page) {
  const out = [];
  page.on("console", (m) => {
    if (m.type() === "error") out.push(`console: ${m.text()}`);
  });
  page.on("pageerror", (e) => out.push(`error: ${e.message}`));
  return out;
}

/**
 * Loads a page again in a call and tells how many milliseconds after its load the
 * sound is back, or after how many it has not come.
 */
export async function loadedAgain(page, limit) {
  await page.reload();
  const since = Date.now();
  await page
    .waitForFunction(() => document.querySelector('[data-media="live"]') !== null, undefined, {
      timeout: limit,
    })
    .catch((err) => {
      if (err.name !== "TimeoutError") throw err;
    });
  return Date.now() - since;
}
