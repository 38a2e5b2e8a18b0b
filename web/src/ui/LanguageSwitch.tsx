import { useTranslation } from "react-i18next";
import { currentLanguage, LANGUAGE_NAMES, LANGUAGES, setLanguage } from "@/i18n";

/** Three buttons, each in its own language. */
export function LanguageSwitch() {
  const { t } = useTranslation();
  const now = currentLanguage();
  return (
    <div className="lang-switch" role="group" aria-label={t("settings.language")}>
      {LANGUAGES.map((l) => (
        <button key={l} type="button" lang={l} aria-pressed={l === now} onClick={() => void setLanguage(l)}>
          {LANGUAGE_NAMES[l]}
        </button>
      ))}
    </div>
  );
}
