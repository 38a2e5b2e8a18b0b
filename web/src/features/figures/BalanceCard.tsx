import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { useDirectory } from "@/api/directory";
import type { Balance, BalanceGroup } from "@/api/types";
import { Card, Tag } from "@/ui";
import { type Column, DataTable } from "@/ui/DataTable";
import { Heading, Value } from "./FigureCell";
import { columnsOf, keyOf } from "./table";

/** How evenly work was spread among agents who do the same. */
export function BalanceCard({ from, to }: { from: Date; to: Date }) {
  const { t } = useTranslation();
  const d = useDirectory();
  const query = { from: from.toISOString(), to: to.toISOString() };
  const tooLong = to.getTime() - from.getTime() > 32 * 86_400_000;
  const balance = useQuery({
    queryKey: ["balance", query],
    queryFn: ({ signal }) => api.get<Balance>("/figures/balance", query, signal),
    enabled: !tooLong,
    placeholderData: (before) => before,
  });
  const groups = tooLong ? [] : balance.data?.groups;
  const found = columnsOf(groups ?? []);
  const columns: Column<BalanceGroup>[] = [
    {
      key: "group",
      title: t("figures.group"),
      cell: (g) => (
        <span style={{ display: "inline-flex", gap: 6, flexWrap: "wrap", alignItems: "center" }}>
          {g.queues.map(d.queue).join(", ") || t("figures.no_queue")}
          {Object.entries(g.skills).map(([skill, level]) => (
            <Tag key={skill}>
              {skill} {level}
            </Tag>
          ))}
        </span>
      ),
    },
    { key: "agents", title: t("figures.agents"), cell: (g) => g.agents.map(d.agent).join(", ") },
    ...found.map(
      (f): Column<BalanceGroup> => ({
        key: keyOf(f),
        title: keyOf(f),
        right: true,
        cell: (g) => <Value f={g.figures.find((x) => keyOf(x) === keyOf(f))} />,
      }),
    ),
  ];
  return (
    <Card title={t("figures.balance")}>
      <p className="meta">{t("figures.balance_hint")}</p>
      <DataTable
        label={t("figures.balance")}
        rows={groups}
        rowKey={(g) => g.agents.join()}
        error={balance.error}
        onRetry={() => void balance.refetch()}
        empty={{
          title: t("figures.none"),
          text: t(tooLong ? "figures.balance_too_long" : "figures.none_hint"),
        }}
        columns={columns}
        heading={(key) => {
          const f = found.find((x) => keyOf(x) === key);
          return f && <Heading f={f} />;
        }}
      />
    </Card>
  );
}
