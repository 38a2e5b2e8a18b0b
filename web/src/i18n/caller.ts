import { useTranslation } from "react-i18next";

/** What the server writes as the number of a caller who came by the browser. */
const WEB = "web";

/** How pages call somebody: by name, else number, else that nothing is known. */
export function useCaller(): {
  name(name: string | undefined, number: string): string;
  number(number: string): string;
} {
  const { t } = useTranslation();
  const shown = (n: string) => (n === WEB ? t("call.web_caller") : n);
  return {
    name: (name, n) => (name && name !== WEB ? name : shown(n) || t("call.unknown_caller")),
    number: (n) => shown(n) || "–",
  };
}
