import { IconArrowForwardUp, IconRoute } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { useWorkbench } from "@/app/workbench";
import { TargetPicker } from "./TargetPicker";

/** Blind transfer: find a target, hand the call over; or wait for the end of a flow. */
export function TransferPanel({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const { phone: controller } = useWorkbench();
  return (
    <TargetPicker
      kinds={["agent", "queue", "flow", "number"] as const}
      kindLabel={t("transfer.kind")}
      hint={t("transfer.blind_hint")}
      onDone={onDone}
      deeds={[
        {
          key: "transfer",
          label: t("transfer.go"),
          named: (name) => t("transfer.to", { name }),
          icon: <IconArrowForwardUp size={16} aria-hidden="true" />,
          run: async (kind, target) => controller?.transfer(kind, target),
        },
        {
          key: "wait",
          label: t("transfer.wait"),
          named: (name) => t("transfer.wait_for", { name }),
          icon: <IconRoute size={16} aria-hidden="true" />,
          only: "flow",
          run: async (_kind, target) => controller?.sendToFlow(target),
        },
      ]}
    />
  );
}
