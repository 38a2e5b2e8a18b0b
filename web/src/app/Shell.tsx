import { useEffect } from "react";
import { Navigate, Outlet, useLocation } from "react-router";
import { useSession } from "@/api/session";
import { Palette } from "@/features/palette/Palette";
import { ShortcutsHelp } from "@/features/palette/ShortcutsHelp";
import { useShortcuts } from "@/features/palette/shortcuts";
import { CallBar } from "@/features/softphone/CallBar";
import { OfferCard } from "@/features/softphone/OfferCard";
import { SupervisionBar } from "@/features/supervision/SupervisionBar";
import { matchLanguage, setLanguage } from "@/i18n";
import { Failed, Skeleton } from "@/ui";
import { Banners } from "./Banners";
import { ConfirmDialog } from "./ConfirmDialog";
import { NavRail } from "./NavRail";
import { TopBar } from "./TopBar";
import { WorkbenchProvider } from "./workbench";

/** The frame of every logged-in page; who is not logged in goes to /login. */
export function Shell() {
  const session = useSession();
  const location = useLocation();
  const language = matchLanguage(session.data?.language);
  const asked = new URLSearchParams(location.search).has("lang");
  useEffect(() => {
    if (language && !asked) void setLanguage(language);
  }, [language, asked]);

  if (session.isPending) return <Skeleton rows={8} />;
  if (session.isError && !session.data)
    return <Failed error={session.error} onRetry={() => void session.refetch()} />;
  if (!session.data) {
    const from = location.pathname + location.search;
    return <Navigate to={from === "/inbox" ? "/login" : `/login?to=${encodeURIComponent(from)}`} replace />;
  }
  return (
    <WorkbenchProvider me={session.data}>
      <Frame />
    </WorkbenchProvider>
  );
}

function Frame() {
  const { pathname } = useLocation();
  const inbox = pathname.startsWith("/inbox");
  useShortcuts();
  return (
    <div className="shell">
      <TopBar />
      <NavRail />
      <main className="shell-main">
        <Banners />
        <SupervisionBar />
        {!inbox && <CallBar />}
        <div className="fill">
          <Outlet />
        </div>
      </main>
      <OfferCard />
      <ConfirmDialog />
      <Palette />
      <ShortcutsHelp />
    </div>
  );
}
