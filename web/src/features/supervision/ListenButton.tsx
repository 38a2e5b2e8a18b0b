import { IconHeadphones } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { may } from "@/api/session";
import { useWorkbench } from "@/app/workbench";
import { useSoftphone } from "@/features/softphone/store";
import { Button, IconButton } from "@/ui";
import { useProblemNotice } from "@/ui/problem";
import { useSupervision } from "./store";

/** Begins to listen to a running call; absent for those who may not, and where no agent talks. */
export function ListenButton({
  conversation: c,
  compact = false,
}: {
  conversation: { id: string; state: string; agent_id: string };
  compact?: boolean;
}) {
  const { t } = useTranslation();
  const { me, supervision } = useWorkbench();
  const fail = useProblemNotice();
  const busy = useSoftphone((s) => s.phone.phase === "talking");
  const here = useSupervision((s) => s.ear.phase === "on" && s.ear.conversationId === c.id);
  const talks = c.state === "connected" || c.state === "on_hold";
  if (!may(me, "conversations.supervise") || !talks || c.agent_id === me.agent_id) return null;
  const reason = here ? t("supervise.here") : busy ? t("supervise.talking") : undefined;
  const listen = () => void supervision?.listen(c.id).catch(fail);
  return compact ? (
    <IconButton label={t("supervise.listen")} icon={IconHeadphones} reason={reason} onClick={listen} />
  ) : (
    <Button size="sm" reason={reason} onClick={listen}>
      <IconHeadphones size={15} aria-hidden="true" />
      {t("supervise.listen")}
    </Button>
  );
}
