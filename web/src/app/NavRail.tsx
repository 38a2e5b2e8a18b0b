import { Tooltip } from "@mantine/core";
import {
  IconChartBar,
  IconDeviceDesktopAnalytics,
  IconInbox,
  IconPhone,
  IconSettings,
  IconShieldCog,
  IconUsers,
  type TablerIcon,
} from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { NavLink } from "react-router";
import { type Area, mayOpen } from "@/api/session";
import { useSoftphone } from "@/features/softphone/store";
import { useWorkbench } from "./workbench";

const ITEMS: { area: Area; to: string; icon: TablerIcon }[] = [
  { area: "inbox", to: "/inbox", icon: IconInbox },
  { area: "calls", to: "/calls", icon: IconPhone },
  { area: "customers", to: "/customers", icon: IconUsers },
  { area: "wallboard", to: "/wallboard", icon: IconDeviceDesktopAnalytics },
  { area: "figures", to: "/reports/figures", icon: IconChartBar },
  { area: "admin", to: "/admin/users", icon: IconShieldCog },
];

export function NavRail() {
  const { t } = useTranslation();
  const { me } = useWorkbench();
  const busy = useSoftphone((s) => s.phone.phase !== "idle");
  return (
    <nav className="rail" aria-label={t("nav.main")}>
      {ITEMS.filter((i) => mayOpen(me, i.area)).map(({ area, to, icon: Icon }) => (
        <Tooltip key={area} label={t(`nav.${area}`)} position="right">
          <NavLink
            to={to}
            aria-label={t(`nav.${area}`)}
            className={area === "admin" ? "wide-only" : undefined}
          >
            <Icon size={20} stroke={1.6} aria-hidden="true" />
            {area === "inbox" && busy && <span className="badge" data-count="1" />}
          </NavLink>
        </Tooltip>
      ))}
      <span className="spacer" />
      <Tooltip label={t("nav.settings")} position="right">
        <NavLink to="/settings/me" aria-label={t("nav.settings")}>
          <IconSettings size={20} stroke={1.6} aria-hidden="true" />
        </NavLink>
      </Tooltip>
    </nav>
  );
}
