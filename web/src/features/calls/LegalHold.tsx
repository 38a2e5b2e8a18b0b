import { Modal, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { useMay } from "@/api/session";
import type { Recording } from "@/api/types";
import { dateTime } from "@/i18n/format";
import { Button } from "@/ui";
import { useProblemNotice } from "@/ui/problem";

/** Keeps a recording from being deleted, or lets it go; says why it is kept. */
export function LegalHold({ recording }: { recording: Recording }) {
  const { t } = useTranslation();
  const may = useMay("recordings.hold");
  const client = useQueryClient();
  const fail = useProblemNotice();
  const [reason, setReason] = useState<string>();
  const path = `/recordings/${recording.id}/legal-hold`;
  const change = useMutation({
    mutationFn: (why: string | undefined) =>
      why === undefined ? api.delete(path) : api.put(path, { reason: why }),
    onError: fail,
    onSuccess: async () => {
      setReason(undefined);
      await client.invalidateQueries({ queryKey: ["conversation"] });
    },
  });
  return (
    <>
      {recording.legal_hold && (
        <p className="meta">
          {t("recording.held_because", {
            reason: recording.hold_reason,
            time: dateTime(recording.hold_at ?? ""),
          })}
        </p>
      )}
      {may && (
        <Button
          size="sm"
          reason={change.isPending ? t("call.wait") : undefined}
          onClick={() => (recording.legal_hold ? change.mutate(undefined) : setReason(""))}
        >
          {t(recording.legal_hold ? "recording.release" : "recording.hold")}
        </Button>
      )}
      <Modal
        opened={reason !== undefined}
        onClose={() => setReason(undefined)}
        title={t("recording.hold")}
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        <form
          onSubmit={(e) => {
            e.preventDefault();
            change.mutate(reason);
          }}
          style={{ display: "flex", flexDirection: "column", gap: 14 }}
        >
          <TextInput
            data-autofocus
            required
            maxLength={500}
            label={t("recording.hold_reason")}
            value={reason ?? ""}
            onChange={(e) => setReason(e.currentTarget.value)}
          />
          <Button kind="primary" type="submit" reason={change.isPending ? t("call.wait") : undefined}>
            {t("recording.hold")}
          </Button>
        </form>
      </Modal>
    </>
  );
}
