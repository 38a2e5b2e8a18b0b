import { TextInput } from "@mantine/core";
import { IconArrowLeft, IconDeviceFloppy, IconRestore, IconUpload } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { api } from "@/api/client";
import { may } from "@/api/session";
import type { Flow, FlowProblem } from "@/api/types";
import { useWorkbench } from "@/app/workbench";
import { Button, Card, Failed, Notice, Skeleton, Tag } from "@/ui";
import { useSettled } from "@/ui/hooks";
import { notify } from "@/ui/notify";
import { useProblemNotice } from "@/ui/problem";
import { CodeEditor, offsetOf } from "./CodeEditor";
import { type CheckState, FlowProblems } from "./FlowProblems";
import { FlowVersions } from "./FlowVersions";
import { useDraft } from "./useDraft";

interface Validation {
  valid: boolean;
  problems: FlowProblem[];
}

/** A flow's text: checked while it is written, kept as a draft, published as a version. */
export function FlowEditor({ id }: { id: string }) {
  const { t } = useTranslation();
  const flow = useQuery({
    queryKey: ["flow", id],
    queryFn: () => api.get<Flow>(`/flows/${id}`),
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <div className="page flow-page">
      <header className="page-head">
        <Link className="icon-button" to="/admin/flows" aria-label={t("flow.back")}>
          <IconArrowLeft size={18} aria-hidden="true" />
        </Link>
        <div className="grow">
          <h1>{flow.data?.name ?? t("admin.flows.title")}</h1>
          {flow.data?.description && <p className="sub">{flow.data.description}</p>}
        </div>
        {flow.data &&
          (flow.data.published ? (
            <Tag tone="ok">{t("flow.answers", { n: flow.data.published })}</Tag>
          ) : (
            <Tag tone="warn">{t("flow.never")}</Tag>
          ))}
      </header>
      <div className="page-body">
        {flow.isError && !flow.data ? (
          <Failed error={flow.error} onRetry={() => void flow.refetch()} />
        ) : flow.data ? (
          <Editing flow={flow.data} />
        ) : (
          <Skeleton rows={8} height={30} />
        )}
      </div>
    </div>
  );
}

function Editing({ flow }: { flow: Flow }) {
  const { t } = useTranslation();
  const { me } = useWorkbench();
  const client = useQueryClient();
  const fail = useProblemNotice();
  const area = useRef<HTMLTextAreaElement>(null);
  const { text, setText, dirty, restored, discard, replace } = useDraft(me.id, flow);
  const [note, setNote] = useState("");
  const settled = useSettled(text, 400);
  const check = useQuery({
    queryKey: ["flow-check", flow.id, settled],
    queryFn: () => api.post<Validation>(`/flows/${flow.id}/validate`, { text: settled || "\n" }),
    placeholderData: (before) => before,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const problems = check.data?.problems ?? [];
  // What is shown belongs to the text that was checked, not to one still under way.
  const state: CheckState =
    check.isError && !check.isFetching
      ? "failed"
      : check.data === undefined || check.isPlaceholderData || settled !== text
        ? "checking"
        : "done";
  const errors = problems.filter((p) => p.severity !== "warning").length;
  const locked = may(me, "flows.write") ? undefined : t("problem.forbidden");

  const learn = async (f: Flow) => {
    client.setQueryData(["flow", flow.id], f);
    await client.invalidateQueries({ queryKey: ["admin", "flows"] });
    await client.invalidateQueries({ queryKey: ["admin", "flow-names"] });
    await client.invalidateQueries({ queryKey: ["flow-versions", flow.id] });
  };
  const saveDraft = async () =>
    (await api.put<{ flow: Flow }>(`/flows/${flow.id}/draft`, { version: flow.version, text })).flow;
  const save = useMutation({
    mutationFn: saveDraft,
    onError: fail,
    onSuccess: (f) => {
      notify({ message: t("flow.draft_saved") });
      return learn(f);
    },
  });
  const publish = useMutation({
    mutationFn: async () => {
      const f = dirty ? await saveDraft() : flow;
      return api.post<Flow>(`/flows/${flow.id}/publish`, { version: f.version, note });
    },
    onError: fail,
    onSuccess: (f) => {
      setNote("");
      notify({ message: t("flow.published_now", { n: f.published }) });
      return learn(f);
    },
  });

  const go = (p: FlowProblem) => {
    const el = area.current;
    if (!el) return;
    const at = offsetOf(text, p.line, p.column);
    el.focus();
    el.setSelectionRange(at, at);
    el.scrollTop = Math.max(0, (p.line - 6) * 20);
  };
  return (
    <div className="flow-grid">
      {restored && (
        <div style={{ gridColumn: "1 / -1" }}>
          <Notice
            icon={IconRestore}
            tone={restored.version === flow.version ? undefined : "warn"}
            action={
              <Button size="sm" onClick={discard}>
                {t("flow.discard")}
              </Button>
            }
          >
            {t(restored.version === flow.version ? "flow.restored" : "flow.restored_old")}
          </Notice>
        </div>
      )}
      <CodeEditor
        label={t("flow.text")}
        value={text}
        onChange={setText}
        readOnly={locked !== undefined}
        area={area}
        marks={problems}
      />
      <div className="flow-side">
        <Card title={t("flow.publish")}>
          <div style={{ display: "flex", flexDirection: "column", gap: 8 }}>
            <Button
              onClick={() => save.mutate()}
              busy={save.isPending}
              reason={locked ?? (dirty ? undefined : t("form.unchanged"))}
            >
              <IconDeviceFloppy size={16} aria-hidden="true" />
              {t("flow.save_draft")}
            </Button>
            <TextInput
              label={t("flow.note")}
              placeholder={t("flow.note_hint")}
              maxLength={500}
              value={note}
              onChange={(e) => setNote(e.currentTarget.value)}
              readOnly={locked !== undefined}
            />
            <Button
              kind="primary"
              onClick={() => publish.mutate()}
              busy={publish.isPending}
              reason={
                locked ??
                (errors > 0
                  ? t("flow.has_errors", { n: errors })
                  : state === "done"
                    ? undefined
                    : t(`flow.check_${state}`))
              }
            >
              <IconUpload size={16} aria-hidden="true" />
              {t("flow.publish")}
            </Button>
          </div>
        </Card>
        <FlowProblems problems={problems} state={state} onGo={go} onRetry={() => void check.refetch()} />
        <FlowVersions flow={flow} locked={locked} onLoad={(v) => void replace(v)} onChanged={learn} />
      </div>
    </div>
  );
}
