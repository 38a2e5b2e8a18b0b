// What the page of a call says of recordings that failed, in every language.
//
//   BASE_URL=http://127.0.0.1:8080 PASSWORD=… KEPT=cv_… LOST=cv_… node e2e/recording.mjs
import { check, finish } from "./checks.mjs";
import { axe, LANGUAGES, launch, logIn, person, settled, shot } from "./lib.mjs";

/** Keeps a recording from deletion, and lets it go, as its card offers. */
async function hold(page, card, { recording }, language) {
  const share = await card.evaluate(
    (el) => el.querySelector(".wave").getBoundingClientRect().width / el.getBoundingClientRect().width,
  );
  check(`${language}: the waveform has the width of its card`, share > 0.75, share.toFixed(2));
  await card.getByRole("button", { name: recording.hold }).click();
  const dialog = page.getByRole("dialog", { name: recording.hold });
  await dialog.getByLabel(recording.hold_reason).fill("2026-118");
  await page.waitForTimeout(400); // it fades in
  const found = await axe(page);
  check(`${language}: axe in the dialog of the legal hold`, found.length === 0, found.join("; "));
  await page.keyboard.press("Enter");
  await card.getByText(recording.held, { exact: true }).waitFor({ timeout: 30_000 });
  await shot(page, `recording-held.${language}`);
  await card.getByRole("button", { name: recording.release }).click();
  await card.getByRole("button", { name: recording.hold }).waitFor({ timeout: 30_000 });
  check(`${language}: a legal hold begins and ends`, true);
}

const browser = await launch();
try {
  for (const language of LANGUAGES) {
    const words = (await import(`../src/i18n/locales/${language}.json`, { with: { type: "json" } })).default;
    const { recording } = words;
    const context = await person(browser, { language });
    await logIn(context, "supervisor@demo", language);
    const page = await context.newPage();
    for (const [name, id] of [
      ["kept", process.env.KEPT],
      ["lost", process.env.LOST],
    ]) {
      await page.goto(`/calls/${id}`);
      await settled(page);
      const card = page.getByRole("region", { name: recording.title }).first();
      const text = await card.innerText();
      check(`${language}: the page says why it failed`, text.includes(recording.failure.disk_full));
      check(`${language}: and that it is incomplete`, text.includes(recording.incomplete));
      const players = await card.locator("audio").count();
      check(
        `${language}: what was kept can be played`,
        players === (name === "kept" ? 1 : 0),
        String(players),
      );
      check(
        `${language}: and what was lost is said`,
        name === "kept" || text.includes(recording.kept_nothing),
      );
      await shot(page, `recording-failed-${name}.${language}`);
      const found = await axe(page);
      check(`${language}: axe`, found.length === 0, found.join("; "));
      if (name === "kept") await hold(page, card, words, language);
    }
    await context.close();
  }
} catch (err) {
  check("the script ran to its end", false, err instanceof Error ? err.message.split("\n")[0] : String(err));
} finally {
  await browser.close();
}
finish();
