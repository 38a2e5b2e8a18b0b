import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { ApiError, type FieldFault } from "@/api/problem";
import { notify } from "@/ui/notify";

/** Returns a function that says in the page's language what went wrong. */
export function useProblemText(): (err: unknown) => string {
  const { t, i18n } = useTranslation();
  return useCallback(
    (err: unknown) => {
      const code = err instanceof ApiError ? err.code : "internal";
      return i18n.exists(`problem.${code}`) ? t(`problem.${code}`) : t("problem.internal");
    },
    [t, i18n],
  );
}

/** Returns a function that says what is wrong with one field. */
export function useFaultText(): (fault: FieldFault) => string {
  const { t, i18n } = useTranslation();
  return useCallback(
    (fault: FieldFault) => {
      const key = `fault.${fault.code ?? "invalid"}`;
      return i18n.exists(key) ? t(key) : t("fault.invalid");
    },
    [t, i18n],
  );
}

/** Returns a function that shows a failed action at the edge of the page. */
export function useProblemNotice(): (err: unknown) => void {
  const { t } = useTranslation();
  const text = useProblemText();
  return useCallback(
    (err: unknown) => {
      notify({ color: "red", title: t("error.title"), message: text(err) });
    },
    [t, text],
  );
}
