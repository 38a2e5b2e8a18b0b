import { IconHeadphones } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { useSupervision } from "./store";

/** Tells an agent who listens to the call; nothing when nobody does. */
export function SupervisedStrip({ conversationId }: { conversationId: string }) {
  const { t } = useTranslation();
  const supervised = useSupervision((s) => s.supervised);
  if (supervised?.conversationId !== conversationId || supervised.by.length === 0) return null;
  return (
    <div className="supervised" role="status">
      <IconHeadphones size={15} aria-hidden="true" />
      {supervised.by.map((x) => (
        <span key={x.name + x.mode}>{t(`supervise.by.${x.mode}`, { name: x.name })}</span>
      ))}
    </div>
  );
}
