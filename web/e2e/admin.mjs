// Administration through its forms: a queue changed, a break reason made and
// deleted, a fault shown at its field, a flow checked, published and rolled
// back, a token made and revoked.
//
//   BASE_URL=http://127.0.0.1:8080 PASSWORD=… node e2e/admin.mjs
import { check, finish } from "./checks.mjs";
import { answer, axe, launch, logIn, person, settled, shot } from "./lib.mjs";

const words = (await import("../src/i18n/locales/en.json", { with: { type: "json" } })).default;
const browser = await launch();
const context = await person(browser);
const page = await context.newPage();
const button = (name) => page.getByRole("button", { name, exact: true });
const saved = () => page.getByText(words.state.saved).first().waitFor({ timeout: 30_000 });
try {
  await logIn(context, "admin@demo");
  const queue = (await (await context.request.get("/api/v1/queues?limit=1")).json()).items[0];
  await page.goto(`/admin/queues/${queue.id}`);
  await settled(page);
  const ringing = page.getByLabel(words.field.ring_timeout);
  await ringing.fill("25");
  await button(words.action.save).click();
  await saved();
  const changed = await (await context.request.get(`/api/v1/queues/${queue.id}`)).json();
  check("a queue is changed", changed.ring_timeout === 25, String(changed.ring_timeout));
  check(
    "nothing else of it changed",
    JSON.stringify({ ...changed, ring_timeout: 0, version: 0, updated_at: 0 }) ===
      JSON.stringify({ ...queue, ring_timeout: 0, version: 0, updated_at: 0 }),
  );

  await page.goto("/admin/breaks/new");
  await settled(page);
  await page.getByLabel(words.field.id).fill("Not Good");
  await button(words.action.save).click();
  await page.getByRole("alert").first().waitFor();
  await page.getByText(words.fault.pattern).first().waitFor();
  check("a fault stands at its field", true);
  await shot(page, "admin-fault.en");
  check("axe with a fault", (await axe(page)).length === 0, (await axe(page)).join("; "));
  await page.getByLabel(words.field.id).fill("e2e_walk");
  await page.getByLabel(`${words.field.names}, English`).fill("A walk");
  await button(words.action.save).click();
  await page.getByRole("cell", { name: "e2e_walk" }).waitFor({ timeout: 30_000 });
  check("a break reason is made", true);
  await page.goto("/admin/breaks/e2e_walk");
  await settled(page);
  await button(words.action.delete).click();
  await button(words.admin.really_delete).click();
  await page.getByRole("cell", { name: "e2e_walk" }).waitFor({ state: "detached", timeout: 30_000 });
  check("and deleted", true);

  const name = `e2e ${Date.now()}`;
  await page.goto("/admin/flows/new");
  await settled(page);
  await page.getByLabel(words.field.name).fill(name);
  await page.getByRole("dialog").getByRole("button", { name: words.action.new, exact: true }).click();
  const text = page.getByRole("textbox", { name: words.flow.text });
  await text.waitFor({ timeout: 30_000 });
  await page.getByText(words.flow.valid).waitFor({ timeout: 30_000 });
  check("a new flow is valid from the start", true);
  await button(words.flow.publish).click();
  await page
    .getByText(words.flow.answers.replace("{{n}}", "1"), { exact: true })
    .waitFor({ timeout: 30_000 });
  check("it is published", true);
  const good = await text.inputValue();
  await text.fill(good.replace("type: say", "type: shout"));
  await page.locator(".problems button").first().waitFor({ timeout: 30_000 });
  const where = await page.locator(".problems .where").first().innerText();
  check("a fault has line and column", /^\d+:\d+$/.test(where), where);
  await shot(page, "admin-flow-fault.en");
  check("axe with problems", (await axe(page)).length === 0, (await axe(page)).join("; "));
  check(
    "a faulty flow cannot be published",
    (await button(words.flow.publish).getAttribute("aria-disabled")) === "true",
  );
  await text.fill(`${good}# again\n`);
  await page.getByText(words.flow.valid).waitFor({ timeout: 30_000 });
  await button(words.flow.publish).click();
  await page
    .getByText(words.flow.answers.replace("{{n}}", "2"), { exact: true })
    .waitFor({ timeout: 30_000 });
  const rollBack = button(words.flow.rollback_to.replace("{{n}}", "1"));
  await rollBack.click();
  const asked = await answer(page, words.flow.rollback, words.action.cancel, false);
  check("rolling back asks", asked.length === 0, asked.join("; "));
  const second = page.getByText(words.flow.answers.replace("{{n}}", "2"), { exact: true });
  check("Enter rolls nothing back", await second.isVisible());
  await rollBack.click();
  await answer(page, words.flow.rollback, words.action.cancel, true);
  await page
    .getByText(words.flow.answers.replace("{{n}}", "1"), { exact: true })
    .waitFor({ timeout: 30_000 });
  check("version 2 is published and rolled back to 1", true);

  const mine = `${await text.inputValue()}# mine\n`;
  await text.fill(mine);
  await button(words.flow.load_version.replace("{{n}}", "2")).click();
  await answer(page, words.flow.replace, words.action.cancel, false);
  check("another version does not replace unsaved text unasked", (await text.inputValue()) === mine);
  await page.getByRole("link", { name: words.nav.calls, exact: true }).click();
  const leaving = await answer(page, words.flow.leave, words.flow.stay, false);
  check(
    "leaving unsaved text asks",
    leaving.length === 0 && page.url().includes("/admin/flows/"),
    leaving.join("; "),
  );
  const editor = page.url();
  await page.getByRole("link", { name: words.nav.calls, exact: true }).click();
  await answer(page, words.flow.leave, words.flow.stay, true);
  await page.waitForURL("**/calls");
  await page.goto(editor);
  await page.getByText(words.flow.restored).waitFor({ timeout: 30_000 });
  check("and it is there when one comes back", (await text.inputValue()) === mine);
  await shot(page, "admin-flow-restored.en");
  check("axe with restored text", (await axe(page)).length === 0, (await axe(page)).join("; "));
  await page.route("**/validate", (route) => route.abort());
  await text.fill(`${mine}# more\n`);
  await page
    .getByRole("region", { name: words.flow.check, exact: true })
    .getByText(words.flow.check_failed)
    .waitFor({ timeout: 30_000 });
  check(
    "a failed check does not say that all is well",
    (await page.getByText(words.flow.valid).count()) === 0,
  );
  await page.unroute("**/validate");
  await button(words.flow.discard).click();
  const flow = (await (await context.request.get("/api/v1/flows?limit=200")).json()).items.find(
    (f) => f.name === name,
  );
  await context.request.delete(`/api/v1/flows/${flow.id}`);

  await page.goto("/admin/tokens");
  await settled(page);
  await button(words.action.new).click();
  await page.getByRole("dialog").getByLabel(words.field.name).fill("e2e");
  await page.getByRole("dialog").getByRole("button", { name: words.action.new, exact: true }).click();
  const secret = await page.locator(".secret").innerText({ timeout: 30_000 });
  const used = await (
    await browser.newContext({
      baseURL: process.env.BASE_URL ?? "http://127.0.0.1:8080",
      ignoreHTTPSErrors: true,
    })
  ).request.get("/api/v1/me", { headers: { Authorization: `Bearer ${secret}` } });
  check("a token's secret is shown and works", used.ok(), String(used.status()));
  await page.getByRole("dialog").getByText(words.action.close, { exact: true }).click();
  const revoke = button(words.token.revoke.replace("{{name}}", "e2e")).first();
  await revoke.click();
  const sure = await answer(page, words.token.revoke_now, words.action.cancel, false);
  check(
    "revoking asks, and Enter revokes nothing",
    sure.length === 0 && (await revoke.isVisible()),
    sure.join("; "),
  );
  await revoke.click();
  await answer(page, words.token.revoke_now, words.action.cancel, true);
  await page
    .getByRole("cell", { name: "e2e", exact: true })
    .first()
    .waitFor({ state: "detached", timeout: 30_000 });
  check("and revoked", true);
} catch (err) {
  check(
    "the script ran to its end",
    false,
    err instanceof Error ? err.message.split("\n").slice(0, 3).join(" ") : String(err),
  );
  await shot(page, "admin-failed").catch(() => undefined);
} finally {
  await browser.close();
}
finish();
