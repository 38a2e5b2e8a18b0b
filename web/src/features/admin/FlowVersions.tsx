import { useMutation, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import type { Flow, FlowVersion, List } from "@/api/types";
import { dateTime } from "@/i18n/format";
import { Button, Card, Tag } from "@/ui";
import { ask } from "@/ui/confirm";
import { useProblemNotice } from "@/ui/problem";
import { useRefs } from "./refs";

/** The published versions of a flow, newest first. */
export function FlowVersions({
  flow,
  locked,
  onLoad,
  onChanged,
}: {
  flow: Flow;
  locked: string | undefined;
  onLoad: (text: string) => void;
  onChanged: (f: Flow) => Promise<void>;
}) {
  const { t } = useTranslation();
  const fail = useProblemNotice();
  const users = useRefs("users");
  const versions = useQuery({
    queryKey: ["flow-versions", flow.id],
    queryFn: () => api.get<List<FlowVersion>>(`/flows/${flow.id}/versions`),
  });
  const back = useMutation({
    mutationFn: (n: number) =>
      api.post<Flow>(`/flows/${flow.id}/rollback`, { version: flow.version, to_version: n }),
    onError: fail,
    onSuccess: onChanged,
  });
  const rollBack = async (n: number) => {
    const yes = await ask({
      title: t("flow.rollback_to", { n }),
      text: t("flow.rollback_text", { n, now: flow.published }),
      action: t("flow.rollback"),
    });
    if (yes) back.mutate(n);
  };
  const items = (versions.data?.items ?? []).toSorted((a, b) => b.version - a.version);
  return (
    <Card title={t("flow.versions")}>
      <ul className="mini-list">
        {items.map((v) => (
          <li key={v.version} style={{ flexWrap: "wrap" }}>
            <span className="grow">
              <strong style={{ fontWeight: 600 }}>{t("flow.version", { n: v.version })}</strong>{" "}
              {v.note && <span className="meta">{v.note}</span>}
              <div className="meta num">{[dateTime(v.published_at), users(v.published_by)].join(" · ")}</div>
            </span>
            {v.version === flow.published ? (
              <Tag tone="ok">{t("flow.current")}</Tag>
            ) : (
              <Button
                size="sm"
                reason={locked}
                busy={back.isPending}
                onClick={() => void rollBack(v.version)}
                aria-label={t("flow.rollback_to", { n: v.version })}
              >
                {t("flow.rollback")}
              </Button>
            )}
            <Button
              size="sm"
              kind="quiet"
              reason={locked}
              onClick={() => onLoad(v.text)}
              aria-label={t("flow.load_version", { n: v.version })}
            >
              {t("flow.load")}
            </Button>
          </li>
        ))}
        {items.length === 0 && <li className="meta">{t("flow.no_versions")}</li>}
      </ul>
    </Card>
  );
}
