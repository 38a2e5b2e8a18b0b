import { useConversation } from "@/features/inbox/queries";
import type { RecordingState } from "./messages";
import { useSoftphone } from "./store";

/** Whether the agent may begin to record a call that is not recorded. */
export function useMayRecord(conversationId: string): boolean {
  const told = useSoftphone((s) => s.recording);
  return told?.conversationId === conversationId && told.state === "off" && told.mayStart;
}

/** What becomes of a call's recording: as the server told, else as the call's rows say. */
export function useRecording(conversationId: string): RecordingState["state"] | "failed" {
  const told = useSoftphone((s) => s.recording);
  const rows = useConversation(conversationId).data?.recordings;
  const known = told?.conversationId === conversationId ? told.state : undefined;
  if (known === "running" || known === "paused") return known;
  if (known === undefined && rows?.some((r) => r.state === "running")) return "running";
  return rows?.at(-1)?.state === "failed" ? "failed" : "off";
}
