import { IconAlertTriangle, IconCircleCheck, IconCircleX, IconPlugConnectedX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { FlowProblem } from "@/api/types";
import { Button, Card } from "@/ui";
import { problemText } from "./problemText";

/** Whether the problems that are shown are those of the text that is shown. */
export type CheckState = "checking" | "done" | "failed";

/** What the check of a flow found; a click leads to the place. */
export function FlowProblems({
  problems,
  state,
  onGo,
  onRetry,
}: {
  problems: FlowProblem[];
  state: CheckState;
  onGo: (p: FlowProblem) => void;
  onRetry: () => void;
}) {
  const { t, i18n } = useTranslation();
  return (
    <Card title={t("flow.check")} aside={<span className="meta num">{problems.length || ""}</span>}>
      <div role="status">
        {state === "failed" ? (
          <span style={{ display: "flex", gap: 8, alignItems: "center" }}>
            <IconPlugConnectedX size={17} color="var(--bad)" aria-hidden="true" />
            <span style={{ flex: 1 }}>{t("flow.check_failed")}</span>
            <Button size="sm" onClick={onRetry}>
              {t("action.retry")}
            </Button>
          </span>
        ) : state === "checking" ? (
          <span className="meta">{t("flow.check_checking")}</span>
        ) : (
          problems.length === 0 && (
            <span style={{ display: "flex", gap: 8, color: "var(--ok)", fontWeight: 550 }}>
              <IconCircleCheck size={17} aria-hidden="true" />
              {t("flow.valid")}
            </span>
          )
        )}
      </div>
      <ul className="problems">
        {problems.map((p, i) => {
          const { text, allowed } = problemText(p, t, i18n.exists);
          return (
            <li key={i}>
              <button type="button" onClick={() => onGo(p)}>
                {p.severity === "warning" ? (
                  <IconAlertTriangle size={16} color="var(--warn)" aria-label={t("flow.warning")} />
                ) : (
                  <IconCircleX size={16} color="var(--bad)" aria-label={t("flow.error")} />
                )}
                <span style={{ flex: 1 }}>
                  {text}
                  {allowed.length > 0 && (
                    <span className="meta"> {t("flow.allowed", { list: allowed.join(", ") })}</span>
                  )}
                </span>
                <span className="where num">{t("flow.where", { line: p.line, column: p.column })}</span>
              </button>
            </li>
          );
        })}
      </ul>
    </Card>
  );
}
