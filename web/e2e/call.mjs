// One call through the pages: the test phone in one browser reaches the agent in
// another; each hears the other's tone; hold, resume, keypad, reload in the
// call, end, wrap-up, recording. Prints what it measured; exits with 1 on a fault.
//
//   BASE_URL=http://127.0.0.1:8080 PASSWORD=… node e2e/call.mjs
import { check, finish, reload } from "./checks.mjs";
import { answer, axe, launch, logIn, person, shot } from "./lib.mjs";
import { heard, tone } from "./sound.mjs";

const AGENT_HZ = 1300;
const CALLER_HZ = 700;
const language = process.env.LANGUAGE_UNDER_TEST ?? "en";
const words = (await import(`../src/i18n/locales/${language}.json`, { with: { type: "json" } })).default;

const near = (m, hz) => Math.abs(m.hz - hz) < 25 && m.level > -60;
const show = (m) => `${m.hz} Hz at ${m.level} dB`;

async function hears(what, page, side, hz, within = 30_000) {
  const until = Date.now() + within;
  let m = await heard(page, side);
  while (!near(m, hz) && Date.now() < until) m = await heard(page, side);
  check(what, near(m, hz), show(m));
}

const agentBrowser = await launch({ microphone: tone(AGENT_HZ) });
const callerBrowser = await launch({ microphone: tone(CALLER_HZ) });
try {
  const agentContext = await person(agentBrowser, { language });
  const callerContext = await person(callerBrowser, { language, width: 800 });
  const raw = () => localStorage.setItem("hotline.raw-audio", "1"); // tones are not speech
  await agentContext.addInitScript(raw);
  await callerContext.addInitScript(raw);
  await callerContext.addInitScript((l) => localStorage.setItem("hotline.language", l), language);
  await logIn(agentContext, "agent@demo", language);
  const agent = await agentContext.newPage();
  await agent.goto("/inbox");
  await agent.getByRole("button", { name: words.presence.label }).click();
  await agent.getByRole("menuitem", { name: words.presence.available }).click();
  await agent.getByText(words.presence.available).first().waitFor();

  const caller = await callerContext.newPage();
  await caller.goto("/phone?number=9002");
  await caller.getByRole("button", { name: words.phone.call, exact: true }).click();
  const offer = agent.getByRole("alertdialog", { name: words.offer.title });
  await offer.waitFor({ timeout: 30_000 });
  check("the call rings at the agent", true);
  await shot(agent, `call-1-ringing.${language}`);
  check("axe while it rings", (await axe(agent)).length === 0, (await axe(agent)).join("; "));
  await agent.keyboard.press("Control+Shift+A");
  const bar = agent.getByRole("region", { name: words.call.active });
  await bar.waitFor({ timeout: 30_000 });
  const controls = agent.getByRole("toolbar", { name: words.call.controls });
  await hears("the agent hears the caller", agent, "agent", CALLER_HZ);
  await hears("the caller hears the agent", caller, "customer", AGENT_HZ);
  await agent.waitForTimeout(1500);
  await shot(agent, `call-2-talking.${language}`);
  await shot(caller, `call-2-phone.${language}`);
  await agent.setViewportSize({ width: 390, height: 844 });
  await agent.waitForTimeout(300);
  await shot(agent, `call-2-narrow.${language}`);
  await agent.setViewportSize({ width: 1440, height: 900 });
  const faultsOfAxe = await axe(agent);
  check("axe in the call", faultsOfAxe.length === 0, faultsOfAxe.join("; "));

  const leading = await person(agentBrowser, { language, theme: "dark" });
  await logIn(leading, "supervisor@demo", language);
  const board = await leading.newPage();
  await board.goto("/wallboard");
  const tile = board.locator(".agent-tile", { hasText: words.presence.on_call }).first();
  await tile.waitFor({ timeout: 30_000 });
  check("the wallboard shows the agent on a call", true);
  await board.waitForTimeout(500);
  await shot(board, `call-2-wallboard.${language}`);
  const boardAxe = await axe(board);
  check("axe on the live wallboard", boardAxe.length === 0, boardAxe.join("; "));
  await board.getByRole("button", { name: words.wallboard.end, exact: true }).first().click();
  const question = await answer(board, words.call.end_call, words.action.cancel, false);
  check("ending another's call asks, and Enter ends nothing", question.length === 0, question.join("; "));
  await leading.close();
  check("the call goes on", await bar.isVisible());

  await controls.getByRole("button", { name: words.call.mute }).click();
  let muted = await heard(caller, "customer");
  for (const end = Date.now() + 30_000; near(muted, AGENT_HZ) && Date.now() < end; )
    muted = await heard(caller, "customer");
  check("muted: the caller hears nothing of the agent", !near(muted, AGENT_HZ), show(muted));
  await controls.getByRole("button", { name: words.call.mute }).click();

  await controls.getByRole("button", { name: words.call.hold }).click();
  await bar.getByText(words.call.on_hold).first().waitFor();
  const music = (m) => m.level > -80 && !near(m, AGENT_HZ);
  let held = await heard(caller, "customer");
  for (const end = Date.now() + 30_000; !music(held) && Date.now() < end; )
    held = await heard(caller, "customer");
  check("held: the caller hears music", music(held), show(held));
  await shot(agent, `call-3-hold.${language}`);
  await controls.getByRole("button", { name: words.call.hold }).click();
  await hears("resumed: the caller hears the agent", caller, "customer", AGENT_HZ);

  await controls.getByRole("button", { name: words.call.keypad }).click();
  await agent.getByRole("group", { name: words.call.keypad }).getByRole("button", { name: "5" }).click();
  await shot(agent, `call-4-keypad.${language}`);
  await agent.keyboard.press("Escape");
  await controls.getByRole("button", { name: words.call.transfer, exact: true }).click();
  await agent.waitForTimeout(400);
  await shot(agent, `call-5-transfer.${language}`);
  await agent.keyboard.press("Escape");

  await reload("in a call", agent);
  await bar.waitFor({ timeout: 30_000 });
  await hears("reloaded: the caller hears the agent", caller, "customer", AGENT_HZ);
  await hears("reloaded: the agent hears the caller", agent, "agent", CALLER_HZ);

  await agent.getByRole("textbox", { name: words.composer.message }).fill("Wants the blue one");
  await agent.locator("body").click({ position: { x: 700, y: 300 } });
  await agent.getByRole("button", { name: words.call.end_call }).click();
  const form = agent.getByRole("region", { name: words.wrapup.title, exact: true });
  await form.waitFor({ timeout: 30_000 });
  await caller.locator('[data-phase="idle"]').first().waitFor({ timeout: 30_000 });
  check("the caller's phone shows the end", true);
  await agent.waitForTimeout(500);
  await shot(agent, `call-6-wrap-up.${language}`);
  const wrapAxe = await axe(agent);
  check("axe in the wrap-up", wrapAxe.length === 0, wrapAxe.join("; "));
  check(
    "the note is kept",
    (await form.getByRole("textbox", { name: words.wrapup.note }).inputValue()) === "Wants the blue one",
  );
  // A code became required that the page does not know of yet: the server says so.
  const office = await person(agentBrowser, { language });
  await logIn(office, "admin@demo", language);
  const made = await office.request.post("/api/v1/wrapup-codes", {
    data: { code: "follow_up", names: { en: "Follow up" }, queue_id: "qu_sales", required: true },
  });
  check("a required code is made", made.ok(), String(made.status()));
  await office.close();
  await agent.keyboard.press("Control+Enter");
  await form.getByRole("alert").getByText(words.fault.required).waitFor({ timeout: 30_000 });
  check("without a code the wrap-up goes on, with the reason", true);
  await shot(agent, `call-6-wrap-up-refused.${language}`);
  const refusedAxe = await axe(agent);
  check("axe with the reason", refusedAxe.length === 0, refusedAxe.join("; "));
  // Keyboard alone finishes it: the first code has the focus.
  await agent.keyboard.press("Space");
  await agent.keyboard.press("Tab");
  await agent.keyboard.press("Control+Enter");
  await form.waitFor({ state: "detached", timeout: 30_000 });
  check("wrapped up by keyboard", true);

  const { items } = await (await agentContext.request.get("/api/v1/conversations?limit=1")).json();
  let done; // the page does not wait for the end to be written
  for (const until = Date.now() + 30_000; Date.now() < until; await agent.waitForTimeout(200)) {
    done = await (await agentContext.request.get(`/api/v1/conversations/${items[0].id}`)).json();
    if (done.conversation.state === "completed") break;
  }
  check(
    "the conversation is complete",
    done.conversation.state === "completed" &&
      done.conversation.wrap_up_note === "Wants the blue one" &&
      done.segments.some((s) => s.kind === "agent" && s.wrap_up_code && s.wrap_up_note),
    done.conversation.state,
  );
  check(
    "it has a recording",
    done.recordings.some((r) => r.state === "ready"),
  );
  await agent.goto(`/calls/${items[0].id}`);
  await agent.getByRole("button", { name: words.recording.play }).click();
  await agent.waitForFunction(
    () => (document.querySelector(".player audio")?.currentTime ?? 0) > 0.5,
    undefined,
    { timeout: 30_000 },
  );
  check("the recording plays", true);
  await agent.waitForTimeout(500);
  await shot(agent, `call-7-history.${language}`);
  const historyAxe = await axe(agent);
  check("axe on the call's page", historyAxe.length === 0, historyAxe.join("; "));
} catch (err) {
  check(
    "the script ran to its end",
    false,
    err instanceof Error ? err.message.split("\n").slice(0, 3).join(" ") : String(err),
  );
  for (const [b, n] of [
    [agentBrowser, "agent"],
    [callerBrowser, "caller"],
  ])
    for (const c of b.contexts())
      for (const p of c.pages()) await shot(p, `call-failed-${n}`).catch(() => undefined);
} finally {
  await agentBrowser.close();
  await callerBrowser.close();
}
finish();
