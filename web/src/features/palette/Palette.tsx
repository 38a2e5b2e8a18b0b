import { Spotlight, type SpotlightActionData, spotlight } from "@mantine/spotlight";
import {
  IconChartBar,
  IconDeviceDesktopAnalytics,
  IconDeviceLandlinePhone,
  IconHistory,
  IconInbox,
  IconPhone,
  IconPlayerPlay,
  IconSearch,
  IconSettings,
  IconShieldCog,
  IconUser,
  IconUsers,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { api } from "@/api/client";
import { mayOpen } from "@/api/session";
import type { Conversation, List } from "@/api/types";
import { useWorkbench } from "@/app/workbench";
import { ADMIN_SECTIONS } from "@/features/admin/sections";
import { askForNotices } from "@/features/softphone/desktop";
import { useSoftphone } from "@/features/softphone/store";
import { useCaller } from "@/i18n/caller";
import { dateTime } from "@/i18n/format";
import { useSettled } from "@/ui/hooks";
import { useProblemNotice } from "@/ui/problem";

export function openPalette(): void {
  spotlight.open();
}

/** Ctrl+K: pages, what the agent may do, and calls found by number or name. */
export function Palette() {
  const { t } = useTranslation();
  const { me } = useWorkbench();
  const caller = useCaller();
  const inCall = useSoftphone((s) => s.phone.phase !== "idle");
  const navigate = useNavigate();
  const fail = useProblemNotice();
  const [query, setQuery] = useState("");
  const q = useSettled(query.trim());
  const found = useQuery({
    queryKey: ["conversations", "palette", q],
    queryFn: ({ signal }) => api.get<List<Conversation>>("/conversations", { q, limit: 6 }, signal),
    enabled: q.length >= 2,
  }).data;

  const icon = { size: 18, stroke: 1.6 } as const;
  const page = (
    id: string,
    to: string,
    label: string,
    leftSection: React.ReactNode,
  ): SpotlightActionData => ({
    id,
    label,
    leftSection,
    onClick: () => navigate(to),
  });
  const available = () => {
    askForNotices();
    void api.put("/agents/me/presence", { presence: "available" }).catch(fail);
  };
  const pages = [
    page("inbox", "/inbox", t("nav.inbox"), <IconInbox {...icon} />),
    page("calls", "/calls", t("nav.calls"), <IconPhone {...icon} />),
    page("customers", "/customers", t("nav.customers"), <IconUsers {...icon} />),
    ...(mayOpen(me, "wallboard")
      ? [page("wallboard", "/wallboard", t("nav.wallboard"), <IconDeviceDesktopAnalytics {...icon} />)]
      : []),
    ...(mayOpen(me, "figures")
      ? [page("figures", "/reports/figures", t("nav.figures"), <IconChartBar {...icon} />)]
      : []),
    ...(mayOpen(me, "admin")
      ? ADMIN_SECTIONS.map((s) =>
          page(
            `admin-${s}`,
            `/admin/${s}`,
            `${t("nav.admin")}: ${t(`admin.${s}.title`)}`,
            <IconShieldCog {...icon} />,
          ),
        )
      : []),
    page("settings", "/settings/me", t("nav.settings"), <IconSettings {...icon} />),
    {
      id: "phone",
      label: t("phone.title"),
      leftSection: <IconDeviceLandlinePhone {...icon} />,
      onClick: () => window.open("/phone", "_blank"),
    },
  ];
  const acts: SpotlightActionData[] = me.agent_id
    ? [
        {
          id: "available",
          label: t("palette.available"),
          leftSection: <IconPlayerPlay {...icon} />,
          onClick: available,
        },
      ]
    : [];
  const calls = (found?.items ?? []).map((c) => ({
    id: c.id,
    label: caller.name(c.customer_name, c.caller_number),
    description: `${dateTime(c.created_at)} · ${t(`conversation.state.${c.state}`)}`,
    keywords: [q],
    leftSection: c.customer_id ? <IconUser {...icon} /> : <IconHistory {...icon} />,
    onClick: () => navigate(`/calls/${c.id}`),
  }));
  return (
    <Spotlight
      shortcut={null} // the workbench's own keys open it, and can be changed
      query={query}
      onQueryChange={setQuery}
      nothingFound={t("palette.nothing")}
      highlightQuery={false}
      scrollable
      maxHeight={420}
      withOverlay={!inCall} // nothing dims the page during a call
      overlayProps={{ blur: 0, backgroundOpacity: 0.35 }}
      shadow="xl"
      actions={[
        ...(acts.length ? [{ group: t("palette.acts"), actions: acts }] : []),
        ...(calls.length ? [{ group: t("palette.calls"), actions: calls }] : []),
        { group: t("palette.pages"), actions: pages },
      ]}
      searchProps={{
        leftSection: <IconSearch size={18} aria-hidden="true" />,
        placeholder: t("palette.placeholder"),
        "aria-label": t("palette.placeholder"),
      }}
    />
  );
}
