import { IconUserSearch } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useDirectory } from "@/api/directory";
import type { Detail } from "@/api/types";
import { RoutingExplanation } from "@/features/calls/RoutingExplanation";
import { useCaller } from "@/i18n/caller";
import { ago, dateTime, languageName, number } from "@/i18n/format";
import { Avatar, Card, Empty, Facts, Skeleton, Tag } from "@/ui";
import { useNow } from "@/ui/hooks";
import { useConversation, useConversations } from "./queries";

/** Who is on the line, and why this agent has them. */
export function ContextPanel({ id }: { id: string | undefined }) {
  const { t } = useTranslation();
  const query = useConversation(id);
  return (
    <aside className="side" aria-label={t("context.name")}>
      {id === undefined ? (
        <div style={{ flex: 1, display: "grid", placeItems: "center" }}>
          <Empty icon={IconUserSearch} title={t("context.empty_title")}>
            {t("context.empty")}
          </Empty>
        </div>
      ) : query.data ? (
        <ContextBody detail={query.data} />
      ) : query.isError ? null : (
        <Skeleton rows={4} height={80} />
      )}
    </aside>
  );
}

const TABS = ["customer", "routing", "line"] as const;

export function ContextBody({ detail }: { detail: Detail }) {
  const { t } = useTranslation();
  const [tab, setTab] = useState<(typeof TABS)[number]>("customer");
  return (
    <>
      <div className="side-tabs">
        <div className="seg-tabs" role="tablist" aria-label={t("context.name")}>
          {TABS.map((x) => (
            <button
              key={x}
              type="button"
              role="tab"
              aria-selected={x === tab}
              aria-controls="context-body"
              onClick={() => setTab(x)}
            >
              {t(`context.${x}`)}
            </button>
          ))}
        </div>
      </div>
      <div className="scroll" id="context-body" role="tabpanel" aria-label={t(`context.${tab}`)} tabIndex={0}>
        {tab === "customer" && <CustomerCards detail={detail} />}
        {tab === "routing" && <RoutingExplanation detail={detail} />}
        {tab === "line" && <LegCards detail={detail} />}
      </div>
    </>
  );
}

function CustomerCards({ detail }: { detail: Detail }) {
  const { t } = useTranslation();
  const c = detail.conversation;
  const customer = detail.customer;
  const now = useNow(30_000);
  const past =
    useConversations({ customer: c.customer_id, limit: 6 }, c.customer_id !== "").data?.items.filter(
      (x) => x.id !== c.id,
    ) ?? [];
  const caller = useCaller();
  const name = caller.name(customer?.name, c.caller_number);
  return (
    <>
      <Card
        title={t("context.customer")}
        aside={customer && <Link to={`/customers/${customer.id}`}>{t("context.profile")}</Link>}
      >
        <div className="cust-head">
          <Avatar name={name} size="lg" />
          <div className="grow">
            <strong>{name}</strong>
            <span className="meta num">
              {customer?.name ? caller.number(c.caller_number) : t("customer.unnamed")}
            </span>
          </div>
          {customer?.vip && (
            <Tag outline tone="warn">
              {t("customer.vip")}
            </Tag>
          )}
        </div>
        <Facts
          items={[
            ...detail.identities.map((i): [string, React.ReactNode] => [
              t(`identity.${i.kind}`),
              <span key="v" className="num">
                {caller.number(i.value)}
              </span>,
            ]),
            [t("customer.language"), languageName(customer?.language || c.language)],
            [t("customer.since"), customer ? dateTime(customer.created_at) : ""],
            ...(customer?.note ? [[t("customer.note"), customer.note] as [string, React.ReactNode]] : []),
          ]}
        />
      </Card>
      <Card title={t("context.this_call")}>
        <Facts
          items={[
            [
              t("call.dialled"),
              <span key="v" className="num">
                {c.dialled_number}
              </span>,
            ],
            [t("call.started"), dateTime(c.created_at)],
            [t("call.path"), c.flow_path?.join(" › ")],
          ]}
        />
      </Card>
      <Card title={t("context.history")} aside={<span className="meta num">{past.length || ""}</span>}>
        <ul className="mini-list">
          {past.slice(0, 5).map((x) => (
            <li key={x.id}>
              <Link className="grow" to={`/calls/${x.id}`}>
                {x.subject || dateTime(x.created_at)}
              </Link>
              <span className="meta num">{ago(x.created_at, now)}</span>
            </li>
          ))}
          {past.length === 0 && <li className="meta">{t("context.first_contact")}</li>}
        </ul>
      </Card>
    </>
  );
}

function LegCards({ detail }: { detail: Detail }) {
  const { t } = useTranslation();
  const directory = useDirectory();
  if (detail.legs.length === 0) return <p className="meta">{t("call.no_legs")}</p>;
  return (
    <>
      {detail.legs.map((l) => (
        <Card
          key={l.id}
          title={`${t(`party.${l.party}`)}${l.agent_id ? ` · ${directory.agent(l.agent_id)}` : ""}`}
          aside={<span className="meta">{l.codec}</span>}
        >
          <Facts
            items={[
              [t("leg.transport"), l.transport.toUpperCase()],
              [t("leg.mos"), l.stats?.mos ? number(l.stats.mos, 2) : "–"],
              [
                t("leg.packets"),
                l.stats ? `${number(l.stats.packets_received)} / ${number(l.stats.packets_sent)}` : "–",
              ],
              [t("leg.lost"), l.stats ? number(l.stats.packets_lost) : "–"],
              [t("leg.jitter"), l.stats ? t("unit.ms", { n: number(l.stats.jitter_ms, 1) }) : "–"],
            ]}
          />
        </Card>
      ))}
    </>
  );
}
