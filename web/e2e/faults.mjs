// What must not lose a call: the caller leaves while it rings; the socket falls
// in the call; the agent opens a second tab and takes over; the agent rejects.
//
//   BASE_URL=http://127.0.0.1:8080 PASSWORD=… node e2e/faults.mjs
import { check, finish } from "./checks.mjs";
import { axe, launch, logIn, person, shot } from "./lib.mjs";

const words = (await import("../src/i18n/locales/en.json", { with: { type: "json" } })).default;
const browser = await launch();
try {
  const agentContext = await person(browser);
  const callerContext = await person(browser, { width: 800 });
  await callerContext.addInitScript(() => localStorage.setItem("hotline.language", "en"));
  await logIn(agentContext, "agent@demo");
  const agent = await agentContext.newPage();
  await agent.goto("/inbox");
  const presence = async (page, state) => {
    await page.getByRole("button", { name: words.presence.label }).click();
    await page.getByRole("menuitem", { name: state }).click();
  };
  await presence(agent, words.presence.available);

  const caller = await callerContext.newPage();
  await caller.goto("/phone?number=9002");
  await caller.getByRole("radio", { name: words.phone.sample }).check({ force: true });
  const dial = () => caller.getByRole("button", { name: words.phone.call, exact: true }).click();
  const hangUp = () => caller.getByRole("button", { name: words.phone.hang_up }).click();
  const offer = agent.getByRole("alertdialog", { name: words.offer.title });
  const bar = (page) => page.getByRole("region", { name: words.call.active });

  await dial();
  await offer.waitFor({ timeout: 30_000 });
  const left = Date.now();
  await hangUp();
  await offer.waitFor({ state: "detached", timeout: 30_000 });
  check(
    "the caller leaves while it rings: the offer goes",
    Date.now() - left < 2000,
    `${Date.now() - left} ms`,
  );

  await dial();
  await offer.waitFor({ timeout: 30_000 });
  await agent.keyboard.press("Control+Shift+X");
  await offer.waitFor({ state: "detached", timeout: 30_000 });
  check("rejected: the offer goes", true);
  await hangUp();

  await agent.waitForTimeout(1000);
  await presence(agent, words.presence.available);
  await dial();
  await offer.waitFor({ timeout: 30_000 });
  await offer.getByRole("button", { name: words.offer.accept }).click();
  await bar(agent).waitFor({ timeout: 30_000 });
  await agent.locator('[data-media="live"]').waitFor({ timeout: 30_000 });

  // Only the socket falls; the sound has its own way.
  const socket = await agentContext.newCDPSession(agent);
  await socket.send("Network.enable");
  await agentContext.setOffline(true);
  await agent.getByText(words.banner.reconnecting_call).waitFor({ timeout: 30_000 });
  check("the socket fell: the page says that the call is still up", await bar(agent).isVisible());
  await shot(agent, "fault-socket.en");
  const flaws = await axe(agent);
  check("axe with the banner", flaws.length === 0, flaws.join("; "));
  await agentContext.setOffline(false);
  await agent.getByText(words.banner.reconnecting_call).waitFor({ state: "detached", timeout: 30_000 });
  await agent.locator('[data-media="live"]').waitFor({ timeout: 30_000 });
  check("the socket is back: the call goes on", await bar(agent).isVisible());

  // A second tab watches until it is told to take over.
  const second = await agentContext.newPage();
  await second.goto("/inbox");
  await second.getByText(words.banner.elsewhere).waitFor({ timeout: 30_000 });
  check("the second tab says where the softphone is", true);
  await shot(second, "fault-second-tab.en");
  await second.getByRole("button", { name: words.banner.take }).click();
  await second.locator('[data-media="live"]').waitFor({ timeout: 30_000 });
  await agent.getByText(words.banner.elsewhere).waitFor({ timeout: 30_000 });
  check("taken over: the second tab talks, the first one watches", true);

  // A third tab only watches. The one with the sound closes: the newest takes it on.
  const third = await agentContext.newPage();
  await third.goto("/inbox");
  await third.getByText(words.banner.elsewhere).waitFor({ timeout: 30_000 });
  check("the third tab watches", true);
  const closed = Date.now();
  await second.close();
  await third.locator('[data-media="live"]').waitFor({ timeout: 30_000 });
  check("the talking tab closed: another one talks on", true, `${Date.now() - closed} ms`);
  check("and the first one still watches", await agent.getByText(words.banner.elsewhere).isVisible());
  // The tab that talks is reloaded: the sound does not wander to the other one.
  await third.reload();
  await third.locator('[data-media="live"]').waitFor({ timeout: 30_000 });
  check("reloaded with another tab open: it talks again", true);
  check("and the first one watches as before", await agent.getByText(words.banner.elsewhere).isVisible());

  await third.getByRole("button", { name: words.call.end_call }).click();
  await third.getByRole("button", { name: words.wrapup.finish }).click({ timeout: 30_000 });
  check("ended and wrapped up in the third tab", true);
  await presence(third, words.presence.offline);
} catch (err) {
  check(
    "the script ran to its end",
    false,
    err instanceof Error ? err.message.split("\n").slice(0, 3).join(" ") : String(err),
  );
  let n = 0;
  for (const c of browser.contexts())
    for (const p of c.pages()) await shot(p, `fault-failed-${n++}`).catch(() => undefined);
} finally {
  await browser.close();
}
finish();
