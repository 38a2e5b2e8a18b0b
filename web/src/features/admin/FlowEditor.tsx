import { TextInput } from "@mantine/core";
import {
  IconAlertTriangle,
  IconArrowLeft,
  IconCircleCheck,
  IconCircleX,
  IconDeviceFloppy,
  IconUpload,
} from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { api } from "@/api/client";
import { may } from "@/api/session";
import type { Flow, FlowProblem, FlowVersion, List } from "@/api/types";
import { useWorkbench } from "@/app/workbench";
import { dateTime } from "@/i18n/format";
import { Button, Card, Failed, Skeleton, Tag } from "@/ui";
import { useSettled } from "@/ui/hooks";
import { notify } from "@/ui/notify";
import { useProblemNotice } from "@/ui/problem";
import { CodeEditor, offsetOf } from "./CodeEditor";
import { useRefs } from "./refs";

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
  const [text, setText] = useState(flow.draft);
  const [note, setNote] = useState("");
  const settled = useSettled(text, 400);
  const check = useQuery({
    queryKey: ["flow-check", flow.id, settled],
    queryFn: () => api.post<Validation>(`/flows/${flow.id}/validate`, { text: settled || "\n" }),
    placeholderData: (before) => before,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const problems = check.data?.problems ?? [];
  const errors = problems.filter((p) => p.severity !== "warning").length;
  const dirty = text !== flow.draft;
  const locked = may(me, "flows.write") ? undefined : t("problem.forbidden");

  const learn = async (f: Flow) => {
    client.setQueryData(["flow", flow.id], f);
    await client.invalidateQueries({ queryKey: ["admin", "flows"] });
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

  // Leaving with unsaved text asks first; so does the browser.
  useEffect(() => {
    if (!dirty) return;
    const on = (e: BeforeUnloadEvent) => e.preventDefault();
    addEventListener("beforeunload", on);
    return () => removeEventListener("beforeunload", on);
  }, [dirty]);

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
              reason={locked ?? (errors > 0 ? t("flow.has_errors", { n: errors }) : undefined)}
            >
              <IconUpload size={16} aria-hidden="true" />
              {t("flow.publish")}
            </Button>
          </div>
        </Card>
        <Problems problems={problems} onGo={go} />
        <Versions flow={flow} locked={locked} onLoad={setText} onChanged={learn} />
      </div>
    </div>
  );
}

function Problems({ problems, onGo }: { problems: FlowProblem[]; onGo: (p: FlowProblem) => void }) {
  const { t } = useTranslation();
  return (
    <Card title={t("flow.check")} aside={<span className="meta num">{problems.length || ""}</span>}>
      <div role="status">
        {problems.length === 0 && (
          <span style={{ display: "flex", gap: 8, color: "var(--ok)", fontWeight: 550 }}>
            <IconCircleCheck size={17} aria-hidden="true" />
            {t("flow.valid")}
          </span>
        )}
      </div>
      <ul className="problems">
        {problems.map((p, i) => (
          <li key={i}>
            <button type="button" onClick={() => onGo(p)}>
              {p.severity === "warning" ? (
                <IconAlertTriangle size={16} color="var(--warn)" aria-label={t("flow.warning")} />
              ) : (
                <IconCircleX size={16} color="var(--bad)" aria-label={t("flow.error")} />
              )}
              <span style={{ flex: 1 }}>
                {p.message}
                {p.allowed?.length > 0 && (
                  <span className="meta"> {t("flow.allowed", { list: p.allowed.join(", ") })}</span>
                )}
              </span>
              <span className="where num">{t("flow.where", { line: p.line, column: p.column })}</span>
            </button>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Versions({
  flow,
  locked,
  onLoad,
  onChanged,
}: {
  flow: Flow;
  locked: string | undefined;
  onLoad: (text: string) => void;
  onChanged: (f: Flow) => Promise<void>;
}) {
  const { t } = useTranslation();
  const fail = useProblemNotice();
  const users = useRefs("users");
  const versions = useQuery({
    queryKey: ["flow-versions", flow.id],
    queryFn: () => api.get<List<FlowVersion>>(`/flows/${flow.id}/versions`),
  });
  const back = useMutation({
    mutationFn: (n: number) =>
      api.post<Flow>(`/flows/${flow.id}/rollback`, { version: flow.version, to_version: n }),
    onError: fail,
    onSuccess: onChanged,
  });
  const items = (versions.data?.items ?? []).toSorted((a, b) => b.version - a.version);
  return (
    <Card title={t("flow.versions")}>
      <ul className="mini-list">
        {items.map((v) => (
          <li key={v.version} style={{ flexWrap: "wrap" }}>
            <span className="grow">
              <strong style={{ fontWeight: 600 }}>{t("flow.version", { n: v.version })}</strong>{" "}
              {v.note && <span className="meta">{v.note}</span>}
              <div className="meta num">{[dateTime(v.published_at), users(v.published_by)].join(" · ")}</div>
            </span>
            {v.version === flow.published ? (
              <Tag tone="ok">{t("flow.current")}</Tag>
            ) : (
              <Button
                size="sm"
                reason={locked}
                busy={back.isPending}
                onClick={() => back.mutate(v.version)}
                aria-label={t("flow.rollback_to", { n: v.version })}
              >
                {t("flow.rollback")}
              </Button>
            )}
            <Button
              size="sm"
              kind="quiet"
              reason={locked}
              onClick={() => onLoad(v.text)}
              aria-label={t("flow.load_version", { n: v.version })}
            >
              {t("flow.load")}
            </Button>
          </li>
        ))}
        {items.length === 0 && <li className="meta">{t("flow.no_versions")}</li>}
      </ul>
    </Card>
  );
}
