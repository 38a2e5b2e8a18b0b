// Opens every page in three languages and two themes: screenshots, axe, and no
// complaint on the console. Exits with 1 when anything is wrong.
//
//   BASE_URL=http://127.0.0.1:8080 PASSWORD=… node e2e/pages.mjs [name …]
import { axe, complaints, LANGUAGES, launch, logIn, person, settled, shot } from "./lib.mjs";

const only = process.argv.slice(2);
const themes = (process.env.THEMES ?? "light,dark").split(",");
const languages = (process.env.LANGUAGES ?? LANGUAGES.join(",")).split(",");

const first = (list) => async (page) =>
  (await (await page.request.get(`/api/v1/${list}?limit=1`)).json()).items[0]?.id;

// who opens it, the address (or how to find it), what to do once it is there
const PAGES = [
  { name: "login", who: null, path: "/login" },
  {
    name: "login-wrong",
    who: null,
    path: "/login",
    act: async (page) => {
      await page.locator('input[name="email"]').fill("nobody@demo");
      await page.locator('input[name="password"]').fill("wrong");
      await page.locator('button[type="submit"]').click();
      await page.getByRole("alert").waitFor();
    },
    expect401: true,
  },
  { name: "phone", who: null, path: "/phone" },
  { name: "inbox", who: "agent@demo", path: "/inbox" },
  {
    name: "inbox-closed",
    who: "agent@demo",
    path: "/inbox/closed",
    act: async (page) => page.getByRole("option").first().click(),
  },
  { name: "inbox-queue", who: "supervisor@demo", path: "/inbox/queue" },
  { name: "shortcuts", who: "agent@demo", path: "/inbox", act: async (page) => page.keyboard.press("?") },
  {
    name: "palette",
    who: "agent@demo",
    path: "/inbox",
    act: async (page) => page.keyboard.press("Control+k"),
  },
  { name: "calls", who: "supervisor@demo", path: "/calls" },
  { name: "call", who: "supervisor@demo", find: first("conversations"), path: (id) => `/calls/${id}` },
  { name: "customers", who: "supervisor@demo", path: "/customers" },
  { name: "customer", who: "supervisor@demo", find: first("customers"), path: (id) => `/customers/${id}` },
  { name: "wallboard", who: "supervisor@demo", path: "/wallboard" },
  { name: "figures", who: "supervisor@demo", path: "/reports/figures" },
  { name: "settings", who: "agent@demo", path: "/settings/me" },
  { name: "no-permission", who: "agent@demo", path: "/wallboard" },
  { name: "not-found", who: "agent@demo", path: "/nowhere" },
  ...[
    "users",
    "teams",
    "agents",
    "queues",
    "lines",
    "devices",
    "numbers",
    "flows",
    "hours",
    "breaks",
    "wrapup-codes",
    "tokens",
    "erasures",
    "audit",
  ].map((s) => ({
    name: `admin-${s}`,
    who: "admin@demo",
    path: `/admin/${s}`,
  })),
  { name: "admin-queue", who: "admin@demo", find: first("queues"), path: (id) => `/admin/queues/${id}` },
  {
    name: "admin-erase",
    who: "admin@demo",
    find: first("customers"),
    path: (id) => `/admin/erasures?customer=${id}`,
  },
  { name: "admin-hours-form", who: "admin@demo", find: first("hours"), path: (id) => `/admin/hours/${id}` },
  { name: "admin-flow", who: "admin@demo", find: first("flows"), path: (id) => `/admin/flows/${id}` },
  { name: "inbox-phone", who: "agent@demo", path: "/inbox", width: 390, height: 844 },
  { name: "phone-phone", who: null, path: "/phone", width: 390, height: 844 },
];

let faults = 0;
function report(where, list) {
  for (const line of list) {
    faults++;
    console.log(`FAULT ${where}: ${line}`);
  }
}

// Pages that leave nothing open behind are reached within the one that stands,
// as a person does by its links; the others, and the first, are loaded anew.
const plain = (p) => !p.act && !p.width && !p.find && p.who !== null;

async function open(context, p, standing) {
  if (standing && plain(p)) {
    await standing.evaluate((path) => {
      const title = document.querySelector("h1");
      if (title) title.dataset.former = title.textContent ?? "";
      history.pushState({}, "", path);
      dispatchEvent(new PopStateEvent("popstate", { state: {} }));
    }, p.path);
    await standing.waitForFunction(() => {
      const title = document.querySelector("h1");
      return title === null || title.textContent !== title.dataset.former;
    });
    return standing;
  }
  const page = await context.newPage();
  if (p.width) await page.setViewportSize({ width: p.width, height: p.height });
  page.said = complaints(page);
  const id = p.find ? await p.find(page) : undefined;
  if (p.find && !id) throw new Error("nothing to open");
  await page.goto(typeof p.path === "function" ? p.path(id) : p.path);
  return page;
}

/** Looks at a page and returns it if the next one may be reached from it. */
async function visit(context, p, where, standing) {
  let page;
  try {
    page = await open(context, p, standing);
    await settled(page);
    if (p.act) {
      await p.act(page);
      await settled(page);
    }
    await shot(page, where);
    report(where, await axe(page));
    report(
      where,
      page.said
        .splice(0)
        .filter(
          (s) =>
            !/status of 40[13]/.test(s) || !(p.expect401 || p.who === null || p.name === "no-permission"),
        ),
    );
    if (plain(p)) return page;
  } catch (err) {
    report(where, [err instanceof Error ? (err.message.split("\n")[0] ?? "") : String(err)]);
    if (page) await shot(page, `${where}-failed`).catch(() => undefined);
  }
  if (page !== standing) await page?.close();
  return standing;
}

const browser = await launch();
try {
  for (const language of languages)
    for (const theme of themes)
      for (const who of [null, "agent@demo", "supervisor@demo", "admin@demo"]) {
        const list = PAGES.filter((p) => p.who === who && (only.length === 0 || only.includes(p.name)));
        if (list.length === 0) continue;
        const context = await person(browser, { language, theme });
        if (who) await logIn(context, who, language);
        else await context.addInitScript((l) => localStorage.setItem("hotline.language", l), language);
        let standing;
        for (const p of list) standing = await visit(context, p, `${p.name}.${language}.${theme}`, standing);
        await context.close();
      }
} finally {
  await browser.close();
}
console.log(faults === 0 ? "every page is in order" : `${faults} faults`);
process.exit(faults === 0 ? 0 : 1);
