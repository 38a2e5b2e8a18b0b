import { PasswordInput, TextInput } from "@mantine/core";
import { IconAlertCircle, IconDeviceLandlinePhone } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Navigate, useNavigate, useSearchParams } from "react-router";
import { api } from "@/api/client";
import { ApiError } from "@/api/problem";
import { useSession } from "@/api/session";
import { useSecureAddress, useSystem } from "@/api/system";
import { useTitle } from "@/app/workbench";
import { Button } from "@/ui";
import { LanguageSwitch } from "@/ui/LanguageSwitch";
import { useProblemText } from "@/ui/problem";
import { safePath } from "./path";
import "./login.css";

export function LoginPage() {
  const { t } = useTranslation();
  useTitle(t("login.title"));
  const session = useSession();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [params] = useSearchParams();
  const text = useProblemText();
  const form = useRef<HTMLFormElement>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [missing, setMissing] = useState<{ email?: string; password?: string }>({});
  const to = safePath(params.get("to"));
  const system = useSystem();
  const secure = useSecureAddress();

  if (session.data && !busy) return <Navigate to={to} replace />;

  const fill = (email: string) => {
    const field = (name: string) => form.current?.querySelector<HTMLInputElement>(`input[name="${name}"]`);
    const address = field("email");
    if (address) address.value = email;
    field("password")?.focus();
  };
  const submit = async (e: FormEvent<HTMLFormElement>) => {
    e.preventDefault();
    const data = new FormData(e.currentTarget);
    const email = String(data.get("email") ?? "").trim();
    const password = String(data.get("password") ?? "");
    const gaps = {
      ...(email ? {} : { email: t("login.email_missing") }),
      ...(password ? {} : { password: t("login.password_missing") }),
    };
    setMissing(gaps);
    setError(undefined);
    if (Object.keys(gaps).length > 0) return;
    setBusy(true);
    try {
      await api.post("/login", { email, password });
      await client.resetQueries({ queryKey: ["me"] });
      navigate(to, { replace: true });
    } catch (err) {
      setError(err);
      form.current?.querySelector<HTMLInputElement>('input[name="password"]')?.select();
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className="login">
      <div className="login-top">
        <LanguageSwitch />
      </div>
      <form
        ref={form}
        className="login-card"
        onSubmit={(e) => void submit(e)}
        noValidate
        aria-label={t("login.title")}
      >
        <img src="/icon.svg" alt="" width={44} height={44} />
        <h1>{t("login.title")}</h1>
        <p className="sub">{t("login.sub")}</p>
        {error !== undefined && (
          <div className="notice" data-tone="bad" role="alert">
            <IconAlertCircle size={18} aria-hidden="true" />
            <div>
              {error instanceof ApiError && error.code === "unauthenticated"
                ? t("problem.credentials")
                : text(error)}
              {error instanceof ApiError && error.code === "https-required" && (
                <>
                  {" "}
                  <a href={secure}>{t("mic.open_secure")}</a>
                </>
              )}
            </div>
          </div>
        )}
        <TextInput
          name="email"
          type="email"
          label={t("login.email")}
          autoComplete="username"
          autoFocus
          size="md"
          error={missing.email}
        />
        <PasswordInput
          name="password"
          label={t("login.password")}
          autoComplete="current-password"
          size="md"
          error={missing.password}
          visibilityToggleButtonProps={{ "aria-label": t("login.show_password") }}
        />
        <Button kind="primary" size="lg" type="submit" busy={busy}>
          {t(busy ? "login.busy" : "login.submit")}
        </Button>
      </form>
      {system?.demo && system.demo_logins.length > 0 && (
        <div className="login-demo" role="group" aria-label={t("login.demo")}>
          <span className="meta">{t("login.demo")}</span>
          {system.demo_logins.map((email) => (
            <button key={email} type="button" className="chip" onClick={() => fill(email)}>
              {email}
            </button>
          ))}
        </div>
      )}
      <a className="login-phone" href="/phone">
        <IconDeviceLandlinePhone size={17} stroke={1.6} aria-hidden="true" />
        {t("login.phone")}
      </a>
    </main>
  );
}
