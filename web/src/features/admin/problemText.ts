import type { FlowProblem } from "@/api/types";

type Translate = (key: string, holes?: Record<string, string>) => string;

/** Codes whose wording tells what is allowed better than the list does. */
const TELLS_ALLOWED = new Set([
  "whole_number",
  "number",
  "duration",
  "bad_choice",
  "human_needs_person",
  "want_node_map",
  "want_cases",
  "no_json_path",
]);

/** A problem of a flow in the page's language; in English where it is a new one. */
export function problemText(
  p: FlowProblem,
  t: Translate,
  exists: (key: string) => boolean,
): { text: string; allowed: string[] } {
  const key = `flow_problem.${p.code}`;
  if (!p.code || !exists(key)) return { text: p.message, allowed: p.allowed ?? [] };
  const holes: Record<string, string> = { ...p.params };
  if (holes.shape) holes.found = t(`flow_shape.${holes.shape}`);
  const meant = holes.meant ? t("flow.meant", { word: holes.meant }) : "";
  return { text: t(key, holes) + meant, allowed: TELLS_ALLOWED.has(p.code) ? [] : (p.allowed ?? []) };
}
