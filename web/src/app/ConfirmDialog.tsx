import { Modal } from "@mantine/core";
import { useRef } from "react";
import { useTranslation } from "react-i18next";
import { useSoftphone } from "@/features/softphone/store";
import { Button } from "@/ui";
import { type Question, useQuestion } from "@/ui/confirm";

/** Shows the open question. The safe button has the focus; Escape means no. */
export function ConfirmDialog() {
  const { t } = useTranslation();
  const { question, answer } = useQuestion();
  const inCall = useSoftphone((s) => s.phone.phase === "talking" || s.phone.phase === "ringing");
  const last = useRef<Question>(undefined); // stays readable while the dialog fades
  last.current = question ?? last.current;
  return (
    <Modal
      opened={question !== undefined}
      onClose={() => answer(false)}
      title={last.current?.title}
      withOverlay={!inCall} // nothing dims the page during a call
      withCloseButton={false}
      centered
    >
      <p>{last.current?.text}</p>
      <div style={{ display: "flex", gap: 8, justifyContent: "flex-end", marginTop: 18, flexWrap: "wrap" }}>
        <Button data-autofocus onClick={() => answer(false)}>
          {last.current?.cancel ?? t("action.cancel")}
        </Button>
        <Button kind={last.current?.danger === false ? "primary" : "bad"} onClick={() => answer(true)}>
          {last.current?.action}
        </Button>
      </div>
    </Modal>
  );
}
