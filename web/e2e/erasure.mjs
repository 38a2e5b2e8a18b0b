// An administrator keeps a recording from deletion, sees in three languages what
// an erasure of its caller would do, erases, reads the certificate, lets the
// recording go and erases the rest.
//
//   BASE_URL=http://127.0.0.1:8080 PASSWORD=… CALLER=+86… GOES=cv_… HELD=cv_… node e2e/erasure.mjs
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { axe, LANGUAGES, launch, logIn, person, settled, shot } from "./lib.mjs";

const { CALLER, GOES, HELD } = process.env;
const languages = (process.env.LANGUAGES ?? LANGUAGES.join(",")).split(",");
const catalogue = async (language) =>
  (await import(`../src/i18n/locales/${language}.json`, { with: { type: "json" } })).default;
let faults = 0;
function check(what, ok, detail = "") {
  if (!ok) faults++;
  console.log(`${ok ? "ok   " : "FAULT"} ${what}${detail ? ` (${detail})` : ""}`);
}
async function looks(page, name) {
  await settled(page);
  await shot(page, name);
  const found = await axe(page);
  check(`${name}: axe`, found.length === 0, found.join("; "));
}

/** A value as RFC 8785 writes it: names in order, no white space. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.keys(value).sort();
  return `{${members.map((k) => `${JSON.stringify(k)}:${canonical(value[k])}`).join(",")}}`;
}

/** Types the reason and the word, and erases, all by keyboard. */
async function erase(page, words) {
  const button = page.getByRole("button", { name: words.erasure.erase });
  await page.getByLabel(words.erasure.reason).fill("request of 2026-11-27 <by letter> & called");
  const word = page.getByLabel(words.erasure.type.replace("{{word}}", CALLER));
  await word.fill(CALLER.slice(0, -1));
  check("half a number does not confirm", (await button.getAttribute("aria-disabled")) === "true");
  await word.press("Enter");
  check("and Enter erases nothing", page.url().includes("customer="));
  await word.fill(CALLER);
  await word.press("Tab");
  check(
    "the button is the next thing that the Tab key reaches",
    await button.evaluate((el) => el === document.activeElement),
  );
  await page.keyboard.press("Enter");
  await page.waitForURL("**/admin/erasures/er_*");
  await page.getByRole("button", { name: words.erasure.print }).waitFor({ timeout: 40_000 });
  return new URL(page.url()).pathname;
}

const browser = await launch();
try {
  const words = await catalogue("en");
  const context = await person(browser);
  await logIn(context, "admin@demo");
  const page = await context.newPage();
  await page.goto(`/calls/${HELD}`);
  await settled(page);
  await page.getByRole("button", { name: words.recording.hold, exact: true }).click();
  await page.getByLabel(words.recording.hold_reason).fill("case 4 O 17/26");
  await page.waitForTimeout(400); // it fades in
  await looks(page, "hold-dialog.en");
  await page.getByLabel(words.recording.hold_reason).press("Enter");
  await page.getByRole("button", { name: words.recording.release }).waitFor({ timeout: 30_000 });

  for (const language of languages) {
    const w = await catalogue(language);
    const other = await person(browser, { language });
    await logIn(other, "admin@demo", language);
    const tab = await other.newPage();
    await tab.goto(`/calls/${HELD}`);
    await looks(tab, `held.${language}`);
    await tab.goto("/admin/erasures");
    await tab.getByLabel(w.customers.search).fill(CALLER.slice(-6));
    const link = tab.getByRole("link", { name: w.customer.unnamed });
    await link.waitFor({ timeout: 30_000 });
    await looks(tab, `erasure-find.${language}`);
    await link.press("Enter");
    const stays = tab.getByRole("region", { name: w.erasure.stays });
    await stays.waitFor({ timeout: 30_000 });
    check(`${language}: it says what stays, and why`, (await stays.innerText()).includes("case 4 O 17/26"));
    const goes = await tab.getByRole("region", { name: w.erasure.goes }).innerText();
    check(
      `${language}: and counts what goes`,
      new RegExp(`${w.erasure.conversations}\\s+1\\s`).test(goes) &&
        new RegExp(`${w.erasure.recordings}\\s+1 \\(`).test(goes),
      goes.replaceAll("\n", " "),
    );
    check(`${language}: the number stays too`, goes.includes(w.erasure.stays_too));
    await looks(tab, `erasure-preview.${language}`);
    if (language !== "en") await other.close();
  }

  await page.goto("/admin/erasures");
  await page.getByLabel(words.customers.search).fill(CALLER);
  await page.getByRole("link", { name: words.customer.unnamed }).press("Enter");
  await page.getByRole("region", { name: words.erasure.stays }).waitFor();
  const certificate = await erase(page, words);
  for (const language of languages) {
    const other = await person(browser, { language });
    await logIn(other, "admin@demo", language);
    const tab = await other.newPage();
    await tab.goto(certificate);
    await looks(tab, `erasure-certificate.${language}`);
    await other.close();
  }
  await logIn(context, "admin@demo");
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: words.erasure.download }).click(),
  ]);
  const paper = JSON.parse(readFileSync(await file.path(), "utf8"));
  const part = (id) => paper.conversations.find((c) => c.conversation_id === id);
  check(
    "the certificate is a file",
    file.suggestedFilename().endsWith(".json") && paper.sha256.length === 64,
  );
  const { sha256, ...rest } = paper;
  check(
    "its hash is that of the rest",
    createHash("sha256").update(canonical(rest)).digest("hex") === sha256,
    sha256,
  );
  check("it says what was kept", paper.complete === false && part(HELD)?.kept === true);
  check("and what was erased", part(GOES)?.recordings.length === 1);
  const left = await page.request.get(`/api/v1/conversations/${GOES}`);
  check("the conversation has no number any more", left.ok() && !(await left.text()).includes(CALLER));
  check("it holds no number", !JSON.stringify(paper).includes(CALLER));
  await page.emulateMedia({ media: "print" });
  await shot(page, "erasure-print.en");
  check("the menu is not printed", !(await page.getByRole("navigation").first().isVisible()));
  await page.emulateMedia({ media: "screen" });

  await page.goto(`/calls/${HELD}`);
  await settled(page);
  await page.getByRole("button", { name: words.recording.release }).click();
  await page.getByRole("button", { name: words.recording.hold, exact: true }).waitFor({ timeout: 30_000 });
  await page.goto(certificate);
  await page.getByRole("link", { name: words.erasure.again }).click();
  await page.getByRole("region", { name: words.erasure.goes }).waitFor({ timeout: 30_000 });
  await erase(page, words);
  await page.getByText(words.erasure.state.done, { exact: true }).waitFor({ timeout: 30_000 });
  await page.goto("/admin/erasures");
  await page.getByLabel(words.customers.search).fill(CALLER);
  await page.getByText(words.customers.none).waitFor({ timeout: 30_000 });
  check("the number is not found any more", true);
  const former = page.getByRole("table", { name: words.erasure.former });
  check("both certificates are there", (await former.getByRole("row").count()) === 3);
  await looks(page, "erasures.en");
} catch (err) {
  check(
    "the script ran to its end",
    false,
    err instanceof Error ? err.message.split("\n").slice(0, 3).join(" ") : String(err),
  );
} finally {
  await browser.close();
}
process.exit(faults === 0 ? 0 : 1);
