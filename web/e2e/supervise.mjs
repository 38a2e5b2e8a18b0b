// A supervisor listens to a call through the pages, whispers, joins, leaves and
// takes it over; each browser says its own tone and each hears whom it should.
// Prints what it measured; exits with 1 on a fault.
//
//   BASE_URL=http://127.0.0.1:8080 PASSWORD=… node e2e/supervise.mjs
import { check, finish, hearing, reload } from "./checks.mjs";
import { answer, axe, launch, logIn, person, shot } from "./lib.mjs";
import { tone } from "./sound.mjs";

const HZ = { caller: 700, agent: 1300, boss: 1900 };
const language = process.env.LANGUAGE_UNDER_TEST ?? "en";
const words = (await import(`../src/i18n/locales/${language}.json`, { with: { type: "json" } })).default;

const hears = hearing(HZ);

const browsers = {
  agent: await launch({ microphone: tone(HZ.agent) }),
  caller: await launch({ microphone: tone(HZ.caller) }),
  boss: await launch({ microphone: tone(HZ.boss) }),
};
try {
  const context = {};
  for (const who of Object.keys(browsers)) {
    context[who] = await person(browsers[who], { language });
    await context[who].addInitScript(() => localStorage.setItem("hotline.raw-audio", "1")); // tones are not speech
    await context[who].addInitScript((l) => localStorage.setItem("hotline.language", l), language);
  }
  // The supervisor works as an agent, too.
  const office = await person(browsers.boss, { language });
  await logIn(office, "admin@demo", language);
  const made = await (
    await office.request.post("/api/v1/agents", { data: { name: "Amara Obi", user_id: "us_amara" } })
  ).json();
  const { version } = await (await office.request.get("/api/v1/users/us_amara")).json();
  await office.request.patch("/api/v1/users/us_amara", { data: { version, agent_id: made.id } });
  await office.close();

  await logIn(context.agent, "agent@demo", language);
  const agent = await context.agent.newPage();
  await agent.goto("/inbox");
  await agent.getByRole("button", { name: words.presence.label }).click();
  await agent.getByRole("menuitem", { name: words.presence.available }).click();
  const caller = await context.caller.newPage();
  await caller.goto("/phone?number=9002");
  await caller.getByRole("button", { name: words.phone.call, exact: true }).click();
  await agent.getByRole("alertdialog", { name: words.offer.title }).waitFor({ timeout: 30_000 });
  await agent.keyboard.press("Control+Shift+A");
  const callBar = agent.getByRole("region", { name: words.call.active });
  await callBar.waitFor({ timeout: 30_000 });

  await logIn(context.boss, "supervisor@demo", language);
  const boss = await context.boss.newPage();
  await boss.goto("/wallboard");
  await boss.getByRole("button", { name: words.supervise.listen }).click({ timeout: 30_000 });
  const bar = boss.getByRole("region", { name: words.supervise.bar });
  const now = (mode) => bar.getByText(words.supervise.now[mode]).waitFor({ timeout: 30_000 });
  const told = (mode) =>
    agent
      .locator(".supervised")
      .getByText(words.supervise.by[mode].replace("{{name}}", "Amara Obi"))
      .waitFor({ timeout: 30_000 });
  await now("monitor");
  await told("monitor");
  check("the agent sees that somebody listens", true);
  await hears("listening: the supervisor hears both", boss, "supervisor", "caller", "agent");
  await hears("listening: the agent hears the caller alone", agent, "agent", "caller");
  await hears("listening: the caller hears the agent alone", caller, "customer", "agent");
  await shot(boss, `supervise-1-listen.${language}`);
  await shot(agent, `supervise-1-agent.${language}`);
  for (const [who, page] of [
    ["supervisor", boss],
    ["agent", agent],
  ]) {
    const found = await axe(page);
    check(`axe while listening, ${who}`, found.length === 0, found.join("; "));
  }

  await reload("listening, the supervisor", boss);
  await now("monitor");
  await hears("listening, loaded again: the supervisor hears both", boss, "supervisor", "caller", "agent");
  await reload("listening, the agent", agent);
  await told("monitor");
  await hears("listening, loaded again: the agent hears the caller alone", agent, "agent", "caller");

  await boss.keyboard.press("2");
  await now("whisper");
  await told("whisper");
  await hears("whispering: the agent hears the supervisor", agent, "agent", "caller", "boss");
  await hears("whispering: the caller does not", caller, "customer", "agent");
  await bar.getByText(words.supervise.barge, { exact: true }).click();
  await now("barge");
  await told("barge");
  await hears("joined: the caller hears both", caller, "customer", "agent", "boss");
  await hears("joined: the agent hears both", agent, "agent", "caller", "boss");
  await shot(boss, `supervise-2-join.${language}`);
  await reload("joined, the supervisor", boss);
  await now("barge");
  await hears("joined, loaded again: the caller hears both", caller, "customer", "agent", "boss");
  await hears("joined, loaded again: the supervisor hears both", boss, "supervisor", "caller", "agent");

  await boss.keyboard.press("Shift+L");
  await bar.waitFor({ state: "detached", timeout: 30_000 });
  await hears("left: the caller hears the agent alone", caller, "customer", "agent");
  await boss.getByRole("button", { name: words.supervise.listen }).click();
  await now("monitor");
  await bar.getByRole("button", { name: words.supervise.take_over }).click();
  const question = await answer(boss, words.supervise.take_over, words.action.cancel, true);
  check("taking over asks", question.length === 0, question.join("; "));
  await boss.getByRole("region", { name: words.call.active }).waitFor({ timeout: 30_000 });
  await agent.getByRole("region", { name: words.wrapup.bar }).waitFor({ timeout: 30_000 });
  check("taken over: the agent wraps up", true);
  await hears("taken over: the caller hears the supervisor", caller, "customer", "boss");
  await hears("taken over: the supervisor hears the caller", boss, "supervisor", "caller");
  await shot(boss, `supervise-3-taken-over.${language}`);
  await boss.getByRole("button", { name: words.call.end_call }).click();
  await caller.locator('[data-phase="idle"]').first().waitFor({ timeout: 30_000 });
  check("the supervisor ends the call", true);
} catch (err) {
  check(
    "the script ran to its end",
    false,
    err instanceof Error ? err.message.split("\n").slice(0, 3).join(" ") : String(err),
  );
  for (const [n, b] of Object.entries(browsers))
    for (const c of b.contexts())
      for (const p of c.pages()) await shot(p, `supervise-failed-${n}`).catch(() => undefined);
} finally {
  for (const b of Object.values(browsers)) await b.close();
}
finish();
