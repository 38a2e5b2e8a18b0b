import { IconMessageQuestion, IconUserPlus } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { useWorkbench } from "@/app/workbench";
import { TargetPicker } from "./TargetPicker";

/** Asks a colleague in private, or brings somebody into the call. */
export function ConsultPanel({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const { phone: controller } = useWorkbench();
  const deed = (joins: boolean) => {
    const key = joins ? "bring_in" : "consult";
    const Icon = joins ? IconUserPlus : IconMessageQuestion;
    return {
      key,
      label: t(`consult.${key}`),
      named: (name: string) => t(`consult.${key}_named`, { name }),
      icon: <Icon size={16} aria-hidden="true" />,
      run: async (kind: "agent" | "queue" | "number", target: string) =>
        controller?.consult(kind, target, joins),
    };
  };
  return (
    <TargetPicker
      kinds={["agent", "queue", "number"] as const}
      kindLabel={t("consult.whom")}
      hint={t("consult.hint")}
      onDone={onDone}
      deeds={[deed(false), deed(true)]}
    />
  );
}
