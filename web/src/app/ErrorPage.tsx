import { IconCompass, IconLock, IconMoodSad } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { isRouteErrorResponse, Link, useRouteError } from "react-router";
import { Empty } from "@/ui";
import { useTitle } from "./workbench";

/** What people see when a page broke: never a stack, always a way on. */
export function ErrorPage() {
  const { t } = useTranslation();
  const error = useRouteError();
  const missing = isRouteErrorResponse(error) && error.status === 404;
  if (!missing) console.error(error);
  return (
    <main style={{ height: "100%", display: "grid", placeItems: "center" }}>
      <Empty
        icon={missing ? IconCompass : IconMoodSad}
        title={t(missing ? "error.not_found_title" : "error.broken_title")}
        action={
          <a className="btn" href="/">
            {t("action.home")}
          </a>
        }
      >
        {t(missing ? "error.not_found" : "error.broken")}
      </Empty>
    </main>
  );
}

export function NotFoundPage() {
  const { t } = useTranslation();
  useTitle(t("error.not_found_title"));
  return (
    <div className="page">
      <h1 className="sr-only">{t("error.not_found_title")}</h1>
      <Empty
        icon={IconCompass}
        title={t("error.not_found_title")}
        action={
          <Link className="btn" to="/inbox">
            {t("action.home")}
          </Link>
        }
      >
        {t("error.not_found")}
      </Empty>
    </div>
  );
}

export function NoPermission() {
  const { t } = useTranslation();
  return (
    <div className="page">
      <h1 className="sr-only">{t("error.forbidden_title")}</h1>
      <Empty icon={IconLock} title={t("error.forbidden_title")}>
        {t("problem.forbidden")}
      </Empty>
    </div>
  );
}
