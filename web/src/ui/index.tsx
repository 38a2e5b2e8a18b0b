import { Tooltip } from "@mantine/core";
import { IconAlertTriangle, IconLock, type TablerIcon } from "@tabler/icons-react";
import { type ComponentProps, type ReactNode, useId } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "@/api/problem";
import { initials } from "./initials";
import { useProblemText } from "./problem";

export type Tone = "accent" | "ok" | "warn" | "bad" | undefined;

function toneOf(text: string): number {
  let h = 0;
  for (const c of text) h = (h * 31 + (c.codePointAt(0) ?? 0)) >>> 0;
  return h % 6;
}

export function Avatar({ name, size, corner }: { name: string; size?: "lg" | "xl"; corner?: ReactNode }) {
  return (
    <span
      className="avatar"
      data-size={size}
      data-tone={toneOf(name)}
      data-initials={initials(name)}
      aria-hidden="true"
    >
      {corner && <span className="corner">{corner}</span>}
    </span>
  );
}

export function Tag({ tone, outline, children }: { tone?: Tone; outline?: boolean; children: ReactNode }) {
  return (
    <span className="tag" data-tone={tone} data-outline={outline || undefined}>
      {children}
    </span>
  );
}

export function Dot({ tone, live }: { tone?: Tone; live?: boolean }) {
  return <span className="dot" data-tone={tone} data-live={live || undefined} aria-hidden="true" />;
}

type ButtonProps = Omit<ComponentProps<"button">, "disabled"> & {
  kind?: "primary" | "ok" | "bad" | "soft" | "quiet" | "danger";
  size?: "sm" | "lg";
  busy?: boolean;
  /** Why it cannot act now. It stays focusable, so that everybody can learn it. */
  reason?: string;
};

/** A button that, when it cannot act, says why instead of vanishing. */
export function Button({
  kind,
  size,
  busy,
  reason,
  onClick,
  children,
  type = "button",
  ...rest
}: ButtonProps) {
  const id = useId();
  const off = reason !== undefined || busy === true;
  const button = (
    <button
      className="btn"
      data-kind={kind}
      data-size={size}
      type={off ? "button" : type}
      aria-disabled={reason !== undefined || undefined}
      aria-busy={busy || undefined}
      aria-describedby={reason === undefined ? undefined : id}
      onClick={off ? undefined : onClick}
      {...rest}
    >
      {children}
      {reason !== undefined && (
        <span id={id} hidden>
          {reason}
        </span>
      )}
    </button>
  );
  return reason === undefined ? button : <Tooltip label={reason}>{button}</Tooltip>;
}

export function IconButton({
  label,
  icon: Icon,
  onClick,
  reason,
  className,
  ...rest
}: { label: string; icon: TablerIcon; reason?: string } & Omit<
  ComponentProps<"button">,
  "disabled" | "children"
>) {
  return (
    <Tooltip label={reason ?? label}>
      <button
        type="button"
        className={className ? `icon-button ${className}` : "icon-button"}
        aria-label={label}
        aria-disabled={reason === undefined ? undefined : true}
        onClick={reason === undefined ? onClick : undefined}
        {...rest}
      >
        <Icon size={18} stroke={1.6} aria-hidden="true" />
      </button>
    </Tooltip>
  );
}

export function Empty({
  icon: Icon,
  title,
  children,
  action,
}: {
  icon: TablerIcon;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="empty">
      <Icon size={30} stroke={1.4} aria-hidden="true" />
      <strong>{title}</strong>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}

/** What a failed query looks like: what went wrong, and another try. */
export function Failed({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useTranslation();
  const text = useProblemText();
  const forbidden = error instanceof ApiError && error.status === 403;
  return (
    <div role="alert">
      <Empty
        icon={forbidden ? IconLock : IconAlertTriangle}
        title={forbidden ? t("error.forbidden_title") : t("error.title")}
        action={
          onRetry &&
          !forbidden && (
            <Button size="sm" onClick={onRetry}>
              {t("action.retry")}
            </Button>
          )
        }
      >
        {text(error)}
      </Empty>
    </div>
  );
}

export function Skeleton({ rows = 6, height = 44 }: { rows?: number; height?: number }) {
  const { t } = useTranslation();
  return (
    <div role="status" aria-label={t("state.loading")} style={{ display: "grid", gap: 8, padding: 12 }}>
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} className="skeleton" style={{ height, opacity: 1 - i * 0.12 }} />
      ))}
    </div>
  );
}

export function PageHead({ title, sub, children }: { title: string; sub?: ReactNode; children?: ReactNode }) {
  return (
    <header className="page-head">
      <div className="grow">
        <h1>{title}</h1>
        {sub && <p className="sub">{sub}</p>}
      </div>
      {children}
    </header>
  );
}

export function Notice({
  tone,
  icon: Icon,
  children,
  action,
}: {
  tone?: "warn" | "bad";
  icon: TablerIcon;
  children: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="notice" data-tone={tone} role={tone === "bad" ? "alert" : "status"}>
      <Icon size={18} stroke={1.7} aria-hidden="true" />
      <div className="grow">{children}</div>
      {action}
    </div>
  );
}

export function Facts({ items }: { items: [string, ReactNode][] }) {
  return (
    <dl className="facts">
      {items.map(([k, v]) => (
        <div key={k} style={{ display: "contents" }}>
          <dt>{k}</dt>
          <dd>{v === "" || v === undefined || v === null ? "–" : v}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Card({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <section className="card" aria-label={title}>
      <header>
        <h2>{title}</h2>
        {aside}
      </header>
      <div className="body">{children}</div>
    </section>
  );
}

export function Kbd({ children }: { children: ReactNode }) {
  return <kbd className="kbd">{children}</kbd>;
}
