import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { LANGUAGES, type Language, matchLanguage } from "./match";

export { LANGUAGES, type Language, matchLanguage };

/** Names of the languages in themselves; the same in every catalogue. */
export const LANGUAGE_NAMES: Record<Language, string> = { "zh-CN": "简体中文", en: "English", ja: "日本語" };

const loaders: Record<Language, () => Promise<{ default: object }>> = {
  "zh-CN": () => import("./locales/zh-CN.json"),
  en: () => import("./locales/en.json"),
  ja: () => import("./locales/ja.json"),
};

const STORED = "hotline.language";

/** What this browser wants: `?lang=`, its stored choice, its own languages, English. */
export function preferredLanguage(): Language {
  const asked = matchLanguage(new URLSearchParams(location.search).get("lang"));
  if (asked) return asked;
  const stored = matchLanguage(localStorage.getItem(STORED));
  if (stored) return stored;
  for (const tag of navigator.languages) {
    const found = matchLanguage(tag);
    if (found) return found;
  }
  return "en";
}

/** Loads the catalogue when needed and switches page and document to it. */
export async function setLanguage(language: Language, remember = true): Promise<void> {
  if (!i18next.hasResourceBundle(language, "translation")) {
    const catalogue = await loaders[language]();
    i18next.addResourceBundle(language, "translation", catalogue.default);
  }
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
  if (remember) localStorage.setItem(STORED, language);
}

export async function initI18n(): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: undefined,
    fallbackLng: false,
    interpolation: { escapeValue: false }, // React escapes
    returnNull: false,
    resources: {},
  });
  await setLanguage(preferredLanguage(), false);
}

export function currentLanguage(): Language {
  return matchLanguage(i18next.language) ?? "en";
}
