// What the page of a call says of recordings that failed, in every language.
//
//   BASE_URL=http://127.0.0.1:8080 PASSWORD=… KEPT=cv_… LOST=cv_… node e2e/recording.mjs
import { check, finish } from "./checks.mjs";
import { axe, LANGUAGES, launch, logIn, person, settled, shot } from "./lib.mjs";

const browser = await launch();
try {
  for (const language of LANGUAGES) {
    const { recording } = (await import(`../src/i18n/locales/${language}.json`, { with: { type: "json" } }))
      .default;
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
    }
    await context.close();
  }
} catch (err) {
  check("the script ran to its end", false, err instanceof Error ? err.message.split("\n")[0] : String(err));
} finally {
  await browser.close();
}
finish();
