import { useTranslation } from "react-i18next";
import { useParams } from "react-router";
import { useTitle, useWorkbench } from "@/app/workbench";
import { CallBar } from "@/features/softphone/CallBar";
import { conversationOf } from "@/features/softphone/state";
import { useSoftphone } from "@/features/softphone/store";
import { ContextPanel } from "./ContextPanel";
import { ConversationView } from "./ConversationView";
import { InboxList } from "./InboxList";
import { viewOf } from "./views";

/** The agent's page: the list, the conversation, the customer. */
export function InboxPage() {
  const { t } = useTranslation();
  useTitle(t("nav.inbox"));
  const params = useParams();
  const { me } = useWorkbench();
  const view = viewOf(me, params.view);
  const phone = useSoftphone((s) => s.phone);
  const current = phone.phase === "talking" || phone.phase === "wrap_up" ? conversationOf(phone) : undefined;
  const shown = params.conversationId ?? current;
  const bar = phone.phase === "talking" || phone.phase === "wrap_up";
  return (
    <div className="inbox" data-open={shown !== undefined} data-call={bar}>
      <InboxList view={view} selected={shown} />
      <section className="conv" aria-label={t("conversation.title")}>
        <CallBar />
        <ConversationView id={shown} key={shown} />
      </section>
      <ContextPanel id={shown} />
    </div>
  );
}
