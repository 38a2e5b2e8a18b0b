// An administrator keeps a recording from deletion, sees in three languages what
// an erasure of its caller would do, erases, reads the certificate, lets the
// recording go and erases the rest. Pages are opened by links, so that what they
// keep in memory shows.
//
//   BASE_URL=http://127.0.0.1:8080 PASSWORD=… CALLER=+86… GOES=cv_… HELD=cv_… node e2e/erasure.mjs
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { check, finish } from "./checks.mjs";
import { axe, LANGUAGES, launch, logIn, person, settled, shot } from "./lib.mjs";

const { CALLER, GOES, HELD } = process.env;
const languages = (process.env.LANGUAGES ?? LANGUAGES.join(",")).split(",");
const catalogue = async (language) =>
  (await import(`../src/i18n/locales/${language}.json`, { with: { type: "json" } })).default;
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

/** Where a text occurs in a value: the names and indices that lead there. */
function places(value, text, at = "") {
  if (value === null || typeof value !== "object") return String(value).includes(text) ? [at] : [];
  return Object.entries(value).flatMap(([k, v]) => places(v, text, `${at}/${k}`));
}

/** The erasures that a page orders, as they leave it. */
function orders(page) {
  const list = [];
  page.on("request", (r) => {
    if (r.method() === "POST" && new URL(r.url()).pathname.endsWith("/erasure")) list.push(r);
  });
  return list;
}

const said = (page) => page.locator("body").innerText();

/** Types the reason and the number, and leaves the button with the focus. */
async function confirm(page, words) {
  await page.getByLabel(words.erasure.reason).fill("request of 2026-11-27 <by letter> & called");
  const word = page.getByLabel(words.erasure.type.replace("{{word}}", CALLER));
  await word.fill(CALLER);
  await word.press("Tab");
  return word;
}

/** Half the number erases nothing; all of it does, by keyboard and once. */
async function erase(page, words, ordered) {
  const before = ordered.length;
  const button = page.getByRole("button", { name: words.erasure.erase });
  const word = await confirm(page, words);
  await word.fill(CALLER.slice(0, -1));
  check("half a number does not confirm", (await button.getAttribute("aria-disabled")) === "true");
  await word.press("Enter");
  await page.waitForTimeout(1000); // by then an order would have left
  check("and Enter erases nothing", ordered.length === before, `${ordered.length - before} orders`);
  await confirm(page, words);
  check(
    "the button is the next thing that the Tab key reaches",
    await button.evaluate((el) => el === document.activeElement),
  );
  await page.keyboard.press("Enter");
  await page.waitForURL("**/admin/erasures/er_*");
  check("it is ordered once", ordered.length === before + 1, `${ordered.length - before} orders`);
  await page.getByRole("button", { name: words.erasure.print }).waitFor({ timeout: 40_000 });
  return new URL(page.url()).pathname;
}

/** Goes to the erasures by the menu, and types the number there. */
async function find(page, words) {
  const menu = (name) => page.getByRole("navigation", { name, exact: true });
  await menu(words.nav.main).getByRole("link", { name: words.nav.admin }).click();
  await menu(words.nav.admin).getByRole("link", { name: words.admin.erasures.title }).click();
  await page.getByLabel(words.customers.search).fill(CALLER);
}

/** A hold that comes while somebody confirms: nothing is erased, and they see it. */
async function heldMeanwhile(page, words, ordered) {
  const before = ordered.length;
  const of = await (await page.request.get(`/api/v1/conversations/${HELD}`)).json();
  const hold = `/api/v1/recordings/${of.recordings[0].id}/legal-hold`;
  const word = await confirm(page, words);
  const put = await page.request.put(hold, { data: { reason: "came late" } });
  check("a hold can be placed while somebody confirms", put.ok(), String(put.status()));
  await page.keyboard.press("Enter");
  await page.getByText(words.erasure.moved).waitFor({ timeout: 30_000 });
  await page.waitForTimeout(1000); // by then an order would have left
  check("a hold in the meantime stops it", ordered.length === before && (await word.inputValue()) === "");
  const stays = page.getByRole("region", { name: words.erasure.stays });
  check("and is shown", (await stays.innerText()).includes("came late"));
  await page.request.delete(hold);
  await stays.getByText("came late").waitFor({ state: "detached", timeout: 30_000 });
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
    await other.close();
  }

  await logIn(context, "admin@demo"); // in English again
  const ordered = orders(page);
  await find(page, words);
  await page.getByRole("link", { name: words.customer.unnamed }).press("Enter");
  await page.getByRole("region", { name: words.erasure.stays }).waitFor({ timeout: 30_000 });
  await page.getByRole("link", { name: words.erasure.open_customer }).click();
  const talks = page.getByRole("table", { name: words.customers.timeline }).getByRole("row");
  await talks.nth(1).waitFor({ timeout: 30_000 });
  await settled(page);
  check("the customer's page has both calls", (await talks.count()) === 3, `${await talks.count()} rows`);
  check("and the number", (await said(page)).includes(CALLER));
  const customer = new URL(page.url()).pathname;
  await page.getByRole("link", { name: words.customers.erase }).click();
  await page.getByRole("region", { name: words.erasure.stays }).waitFor({ timeout: 30_000 });
  const certificate = await erase(page, words, ordered);
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
  const left = await (await page.request.get(`/api/v1/conversations/${GOES}`)).json();
  const where = places(left, CALLER).join(", ");
  check("only the customer whom the hold keeps has the number", where === "/identities/0/value", where);
  check("it holds no number", !JSON.stringify(paper).includes(CALLER));
  await page.emulateMedia({ media: "print" });
  await shot(page, "erasure-print.en");
  check("the menu is not printed", !(await page.getByRole("navigation").first().isVisible()));
  await page.emulateMedia({ media: "screen" });

  const call = page.getByRole("link", { name: HELD, exact: true });
  await call.click();
  await page.getByRole("button", { name: words.recording.release }).click();
  await page.getByRole("button", { name: words.recording.hold, exact: true }).waitFor({ timeout: 30_000 });
  check("the call that was kept has the number", (await said(page)).includes(CALLER));
  await page.goBack();
  await page.getByRole("link", { name: words.erasure.again }).click();
  await page.getByRole("region", { name: words.erasure.goes }).waitFor({ timeout: 30_000 });
  await heldMeanwhile(page, words, ordered);
  const colleague = await context.newPage();
  await colleague.goto(customer);
  await colleague.getByText(CALLER).first().waitFor({ timeout: 30_000 });
  await erase(page, words, ordered);
  await page.getByText(words.erasure.state.done, { exact: true }).waitFor({ timeout: 30_000 });
  const gone = colleague.getByText(CALLER).first().waitFor({ state: "detached", timeout: 30_000 });
  await gone.catch(() => undefined);
  check("a page that showed the number does so no longer", !(await said(colleague)).includes(CALLER));

  let waiting = [];
  await page.route(/\/api\/v1\/(customers|conversations)/, (route) =>
    waiting ? void waiting.push(route) : route.continue(),
  );
  await call.click();
  await page.waitForTimeout(1000); // for what was kept of the page to be shown
  check(
    "while it is asked for, the call shows nothing of before",
    waiting.length > 0 && !(await said(page)).includes(CALLER),
  );
  const asked = waiting;
  waiting = undefined;
  for (const route of asked) await route.continue();
  await settled(page);
  check("then it has no number", !(await said(page)).includes(CALLER));
  await page.getByRole("link", { name: words.context.profile }).click();
  await talks.nth(2).waitFor({ timeout: 30_000 });
  await settled(page);
  check("nor has the customer", !(await said(page)).includes(CALLER));
  await find(page, words);
  await page.getByText(words.customers.none).waitFor({ timeout: 30_000 });
  check(
    "the number is not found any more",
    (await page.getByRole("link", { name: words.customer.unnamed }).count()) === 0,
  );
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
finish();
