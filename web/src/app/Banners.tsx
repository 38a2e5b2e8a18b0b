import { IconBrowser, IconMicrophoneOff, IconPlugConnectedX, IconVolumeOff } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { useSecureAddress } from "@/api/system";
import { useSoftphone } from "@/features/softphone/store";
import { useLive } from "@/live/store";
import { Button } from "@/ui";
import { useNow } from "@/ui/hooks";
import { useWorkbench } from "./workbench";

/** What stands between this page and its work, and the way out of it. */
export function Banners() {
  return (
    <div className="banners" aria-live="polite">
      <Reconnecting />
      <SoundLost />
      <Elsewhere />
      <Microphone />
      <Silent />
    </div>
  );
}

const SHOW_AFTER_MS = 1200; // a short fault is over before anybody needs to read of it

function Reconnecting() {
  const { t } = useTranslation();
  const { status, lostAt } = useLive();
  const talking = useSoftphone((s) => s.phone.phase === "talking");
  const now = useNow(500);
  if (status !== "lost" || lostAt === undefined || now - lostAt < SHOW_AFTER_MS) return null;
  return (
    <div className="banner" role="status">
      <IconPlugConnectedX size={18} aria-hidden="true" />
      <span className="grow">{t(talking ? "banner.reconnecting_call" : "banner.reconnecting")}</span>
    </div>
  );
}

function SoundLost() {
  const { t } = useTranslation();
  const lost = useSoftphone((s) => s.phone.phase === "talking" && s.phone.media === "lost");
  if (!lost) return null;
  return (
    <div className="banner" data-tone="bad" role="status">
      <IconVolumeOff size={18} aria-hidden="true" />
      <span className="grow">{t("banner.sound_lost")}</span>
    </div>
  );
}

function Elsewhere() {
  const { t } = useTranslation();
  const { takeSoftphone, phone } = useWorkbench();
  const elsewhere = useSoftphone((s) => s.elsewhere);
  if (!phone || !elsewhere) return null;
  return (
    <div className="banner" data-tone="accent">
      <IconBrowser size={18} aria-hidden="true" />
      <span className="grow">{t("banner.elsewhere")}</span>
      <Button size="sm" onClick={takeSoftphone}>
        {t("banner.take")}
      </Button>
    </div>
  );
}

const SILENT_MS = 15_000; // even a quiet room gives some noise: this is a switch

function Silent() {
  const { t } = useTranslation();
  const silent = useSoftphone(
    (s) =>
      s.phone.phase === "talking" &&
      !s.phone.muted &&
      s.mic === "ready" &&
      (s.figures?.silentMs ?? 0) >= SILENT_MS,
  );
  if (!silent) return null;
  return (
    <div className="banner" role="status">
      <IconMicrophoneOff size={18} aria-hidden="true" />
      <span className="grow">{t("mic.silent")}</span>
    </div>
  );
}

function Microphone() {
  const { t } = useTranslation();
  const { phone } = useWorkbench();
  const mic = useSoftphone((s) => s.mic);
  const secure = useSecureAddress();
  if (!phone || mic === "ready" || mic === "unknown" || mic === "asking") return null;
  return (
    <div className="banner" data-tone="bad">
      <IconMicrophoneOff size={18} aria-hidden="true" />
      <span className="grow">{t(`mic.${mic}`)}</span>
      {mic === "insecure" ? (
        <a className="btn" data-size="sm" href={secure}>
          {t("mic.open_secure")}
        </a>
      ) : (
        <Button size="sm" onClick={() => void phone.prepareMicrophone()}>
          {t("action.retry")}
        </Button>
      )}
    </div>
  );
}
