import { Menu, Tooltip, useMantineColorScheme } from "@mantine/core";
import {
  IconDeviceLandlinePhone,
  IconKeyboard,
  IconLogout,
  IconMoon,
  IconSearch,
  IconSettings,
  IconSun,
  IconWifi,
  IconWifiOff,
} from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link, useNavigate } from "react-router";
import { api } from "@/api/client";
import { ApiError } from "@/api/problem";
import { ariaKeys, keyLabels, worksInFields } from "@/features/palette/keymap";
import { onMac, useKeys } from "@/features/palette/keyStore";
import { openPalette } from "@/features/palette/Palette";
import { openShortcuts } from "@/features/palette/ShortcutsHelp";
import { PresenceMenu } from "@/features/presence/PresenceMenu";
import { grade, type Quality } from "@/features/softphone/quality";
import { useSoftphone } from "@/features/softphone/store";
import { number } from "@/i18n/format";
import { Avatar, Kbd } from "@/ui";
import { ask } from "@/ui/confirm";
import { forgetPerson } from "./forget";
import { useWorkbench } from "./workbench";

export function TopBar() {
  const { t } = useTranslation();
  const { me } = useWorkbench();
  const paletteKeys = useKeys((s) => s.keys.palette);
  return (
    <header className="topbar">
      <Link to="/inbox" aria-label={t("app.home")}>
        <img className="logo" src="/icon.svg" alt="" />
      </Link>
      <button
        type="button"
        className="search-button wide"
        onClick={openPalette}
        aria-keyshortcuts={ariaKeys(paletteKeys)}
      >
        <IconSearch size={16} stroke={1.6} aria-hidden="true" />
        <span>{t("palette.open")}</span>
        {paletteKeys && <Kbd>{keyLabels(paletteKeys, onMac).join(" ")}</Kbd>}
      </button>
      <span className="spacer" />
      {me.agent_id && <LineQuality />}
      {me.agent_id && <PresenceMenu />}
      <UserMenu />
    </header>
  );
}

const TONES: Record<Quality, string> = {
  none: "var(--ink-3)",
  good: "var(--ok)",
  fair: "var(--warn)",
  poor: "var(--bad)",
};

function LineQuality() {
  const { t } = useTranslation();
  const figures = useSoftphone((s) => s.figures);
  const media = useSoftphone((s) => (s.phone.phase === "talking" ? s.phone.media : "none"));
  const quality: Quality = media === "lost" ? "poor" : grade(figures);
  const Icon = media === "lost" ? IconWifiOff : IconWifi;
  const detail = figures
    ? t("line.detail", {
        loss: number(figures.lossPercent, 1),
        jitter: number(figures.jitterMs),
        rtt: figures.roundTripMs === undefined ? "–" : number(figures.roundTripMs),
        mos: figures.mos === undefined ? "–" : number(figures.mos, 1),
      })
    : t("line.none_detail");
  return (
    <Tooltip label={detail}>
      <div className="pill wide" role="status" aria-label={t("line.name")}>
        <Icon size={15} stroke={2} color={TONES[quality]} aria-hidden="true" />
        {t(media === "lost" ? "line.lost" : `line.${quality}`)}
      </div>
    </Tooltip>
  );
}

function UserMenu() {
  const { t } = useTranslation();
  const { me } = useWorkbench();
  const navigate = useNavigate();
  const client = useQueryClient();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const dark =
    colorScheme === "dark" || (colorScheme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  const inCall = useSoftphone((s) => s.phone.phase === "talking");
  const helpKeys = useKeys((s) => (s.singles || worksInFields(s.keys.help) ? s.keys.help : ""));

  // A log-out that did not reach the server leaves the door open behind it.
  const logOut = async (): Promise<void> => {
    try {
      await api.post("/logout");
    } catch (err) {
      if (!(err instanceof ApiError && err.status === 401)) {
        const again = await ask({
          title: t("user.logout_failed"),
          text: t("user.logout_failed_text"),
          action: t("action.retry"),
          danger: false,
        });
        return again ? logOut() : undefined;
      }
    }
    forgetPerson(client);
    navigate("/login");
  };
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <button type="button" className="avatar-button" aria-label={t("user.menu", { name: me.name })}>
          <Avatar name={me.name} />
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {me.name} · {t(`role.${me.role}`)}
        </Menu.Label>
        <Menu.Item leftSection={<IconSettings size={16} />} onClick={() => navigate("/settings/me")}>
          {t("nav.settings")}
        </Menu.Item>
        <Menu.Item
          leftSection={dark ? <IconSun size={16} /> : <IconMoon size={16} />}
          onClick={() => setColorScheme(dark ? "light" : "dark")}
        >
          {t(dark ? "user.light" : "user.dark")}
        </Menu.Item>
        <Menu.Item
          leftSection={<IconKeyboard size={16} />}
          rightSection={helpKeys && <Kbd>{keyLabels(helpKeys, onMac).join(" ")}</Kbd>}
          onClick={openShortcuts}
        >
          {t("keys.title")}
        </Menu.Item>
        <Menu.Item
          leftSection={<IconDeviceLandlinePhone size={16} />}
          component="a"
          href="/phone"
          target="_blank"
        >
          {t("phone.title")}
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} />} disabled={inCall} onClick={() => void logOut()}>
          {t(inCall ? "user.logout_in_call" : "user.logout")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
