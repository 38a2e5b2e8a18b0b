// An agent asks a colleague through the pages, changes over, makes a conference,
// brings a third agent in and leaves; each browser says its own tone and each
// hears whom it should. Prints what it measured; exits with 1 on a fault.
//
//   BASE_URL=http://127.0.0.1:8080 PASSWORD=… node e2e/consult.mjs
import { check, finish, hearing, reload } from "./checks.mjs";
import { axe, launch, logIn, person, shot } from "./lib.mjs";
import { tone } from "./sound.mjs";

const HZ = { caller: 700, ann: 1300, bob: 1900, third: 2500 };
const language = process.env.LANGUAGE_UNDER_TEST ?? "en";
const words = (await import(`../src/i18n/locales/${language}.json`, { with: { type: "json" } })).default;
const named = (text, name) => text.replace("{{name}}", name);

const hears = hearing(HZ);

const browsers = {};
for (const who of Object.keys(HZ)) browsers[who] = await launch({ microphone: tone(HZ[who]) });

/** An available agent's page. */
async function desk(who, email) {
  const context = await person(browsers[who], { language });
  await context.addInitScript(() => localStorage.setItem("hotline.raw-audio", "1")); // tones are not speech
  await logIn(context, email, language);
  const page = await context.newPage();
  await page.goto("/inbox");
  await page.getByRole("button", { name: words.presence.label }).click();
  await page.getByRole("menuitem", { name: words.presence.available }).click();
  return page;
}

/** Opens the panel by key and does something with somebody. */
async function add(page, deed, name) {
  await page.locator("body").press("a");
  await page.getByRole("dialog", { name: words.call.add_person }).waitFor({ timeout: 30_000 });
  await page.getByRole("button", { name: named(words.consult[`${deed}_named`], name) }).click();
}

const offer = (page) => page.getByRole("alertdialog", { name: words.consult.offer });

try {
  const office = await person(browsers.third, { language });
  await logIn(office, "admin@demo", language);
  const made = await (
    await office.request.post("/api/v1/agents", { data: { name: "Amara Obi", user_id: "us_amara" } })
  ).json();
  const { version } = await (await office.request.get("/api/v1/users/us_amara")).json();
  await office.request.patch("/api/v1/users/us_amara", { data: { version, agent_id: made.id } });
  await office.close();

  const ann = await desk("ann", "agent@demo");
  const customer = await person(browsers.caller, { language });
  await customer.addInitScript(() => localStorage.setItem("hotline.raw-audio", "1"));
  await customer.addInitScript((l) => localStorage.setItem("hotline.language", l), language);
  const caller = await customer.newPage();
  await caller.goto("/phone?number=9002");
  await caller.getByRole("button", { name: words.phone.call, exact: true }).click();
  await ann.getByRole("alertdialog", { name: words.offer.title }).waitFor({ timeout: 30_000 });
  await ann.keyboard.press("Control+Shift+A");
  await ann.getByRole("region", { name: words.call.active }).waitFor({ timeout: 30_000 });
  const [bob, third] = [await desk("bob", "agent2@demo"), await desk("third", "supervisor@demo")];

  const controls = ann.getByRole("region", { name: words.call.active });
  await controls.getByRole("button", { name: words.call.hold }).click();
  await controls.getByText(words.call.on_hold).first().waitFor({ timeout: 30_000 });
  await reload("on hold", ann);
  await controls.getByText(words.call.on_hold).first().waitFor({ timeout: 30_000 });
  await hears("on hold, loaded again: the caller hears music", caller, "customer");
  await hears("on hold, loaded again: the agent hears nobody", ann, "agent");
  await controls.getByRole("button", { name: words.call.hold }).click();
  await hears("resumed: the caller hears the agent", caller, "customer", "ann");

  await ann.locator("body").press("t");
  const transfer = ann.getByRole("dialog", { name: words.call.transfer });
  await transfer.getByText(words.transfer.flow, { exact: true }).click();
  await transfer.getByRole("button", { name: named(words.transfer.wait_for, "Demo shop, echo") }).click();
  const parties = ann.getByRole("region", { name: words.consult.parties });
  await parties.getByText("Demo shop, echo").waitFor({ timeout: 30_000 });
  await hears("sent to a flow: the caller hears the flow's echo", caller, "customer", "caller");
  await hears("sent to a flow: the agent hears nobody", ann, "agent");
  await shot(ann, `consult-0-flow.${language}`);
  await reload("with a flow, the agent", ann);
  await parties.getByText("Demo shop, echo").waitFor({ timeout: 30_000 });
  await hears("with a flow, loaded again: the agent hears nobody", ann, "agent");
  await parties.getByRole("button", { name: words.consult.take_back }).click();
  await hears("taken back: the caller hears the agent", caller, "customer", "ann");
  await hears("taken back: the agent hears the caller", ann, "agent", "caller");

  await add(ann, "consult", "Sato Kenji");
  await offer(bob).waitFor({ timeout: 30_000 });
  check(
    "the colleague sees who asks",
    await offer(bob).getByText(named(words.consult.asked_by, "Lin Wei")).isVisible(),
  );
  await shot(bob, `consult-1-offer.${language}`);
  await bob.keyboard.press("Control+Shift+X");
  await ann.getByText(named(words.consult.why.rejected, "Sato Kenji")).waitFor({ timeout: 30_000 });
  check("declined: the agent is told", true);
  await hears("declined: the caller is with the agent", caller, "customer", "ann");

  await add(ann, "consult", "Sato Kenji");
  await offer(bob).waitFor({ timeout: 30_000 });
  await bob.keyboard.press("Control+Shift+A");
  const bar = (page) => page.getByRole("region", { name: words.consult.parties });
  await bar(ann).getByRole("button", { name: words.consult.complete }).waitFor({ timeout: 30_000 });
  await hears("in private: the caller hears neither", caller, "customer");
  await hears("in private: the agent hears the colleague alone", ann, "agent", "bob");
  await hears("in private: the colleague hears the agent alone", bob, "agent", "ann");
  await shot(ann, `consult-2-private.${language}`);
  for (const [who, page] of [
    ["agent", ann],
    ["colleague", bob],
  ]) {
    const found = await axe(page);
    check(`axe in a consultation, ${who}`, found.length === 0, found.join("; "));
  }

  await reload("in private, the agent", ann);
  await bar(ann).getByRole("button", { name: words.consult.complete }).waitFor({ timeout: 30_000 });
  await hears("in private, loaded again: the agent hears the colleague alone", ann, "agent", "bob");
  await reload("in private, the colleague", bob);
  await bar(bob).waitFor({ timeout: 30_000 });
  await hears("in private, loaded again: the colleague hears the agent alone", bob, "agent", "ann");
  await hears("in private, loaded again: the caller hears neither", caller, "customer");

  await ann.locator("body").press("s");
  await hears("swapped: the caller hears the agent", caller, "customer", "ann");
  await hears("swapped: the colleague hears neither", bob, "agent");
  await ann.locator("body").press("Shift+G");
  await hears("conference: the caller hears both", caller, "customer", "ann", "bob");
  await hears("conference: the colleague hears both", bob, "agent", "caller", "ann");

  await add(ann, "bring_in", "Amara Obi");
  await offer(third).waitFor({ timeout: 30_000 });
  await third.keyboard.press("Control+Shift+A");
  await hears("four: the caller hears all", caller, "customer", "ann", "bob", "third");
  await hears("four: the third hears all", third, "agent", "caller", "ann", "bob");
  await shot(ann, `consult-3-conference.${language}`);
  // Four browsers share the cores of one machine here, as those of four agents never do.
  await reload("conference, the agent", ann, 10);
  await reload("conference, a colleague", third, 10);
  await hears("conference, loaded again: the caller hears all", caller, "customer", "ann", "bob", "third");
  await hears("conference, loaded again: the agent hears all", ann, "agent", "caller", "bob", "third");
  await hears("conference, loaded again: the third hears all", third, "agent", "caller", "ann", "bob");
  const found = await axe(ann);
  check("axe in a conference", found.length === 0, found.join("; "));
  await bar(ann)
    .getByRole("button", { name: named(words.consult.remove, "Amara Obi") })
    .click();
  await hears("taken out: the caller hears two", caller, "customer", "ann", "bob");
  await ann.locator("body").press("Shift+L");
  await ann.getByRole("region", { name: words.wrapup.bar }).waitFor({ timeout: 30_000 });
  check("who leaves wraps up", true);
  await hears("left: the caller hears the colleague", caller, "customer", "bob");
  await bob.getByRole("button", { name: words.call.end_call }).click();
  await caller.locator('[data-phase="idle"]').first().waitFor({ timeout: 30_000 });
  check("the colleague ends the call", true);
} catch (err) {
  check(
    "the script ran to its end",
    false,
    err instanceof Error ? err.message.split("\n").slice(0, 3).join(" ") : String(err),
  );
  for (const [n, b] of Object.entries(browsers))
    for (const c of b.contexts())
      for (const p of c.pages()) await shot(p, `consult-failed-${n}`).catch(() => undefined);
} finally {
  for (const b of Object.values(browsers)) await b.close();
}
finish();
