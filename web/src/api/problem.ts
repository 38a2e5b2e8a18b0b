/** Which field of a request is wrong, and why. */
export interface FieldFault {
  pointer?: string;
  parameter?: string;
  code?: string;
  message?: string;
  line?: number;
  column?: number;
}

/** An RFC 9457 problem as the API gives it. */
export interface ProblemBody {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  errors?: FieldFault[];
  request_id?: string;
}

/** A failed request. `code` is the stable last part of the problem's type. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly body: ProblemBody;

  constructor(status: number, body: ProblemBody) {
    super(body.detail ?? body.title ?? `HTTP ${status}`);
    this.name = "ApiError";
    this.status = status;
    this.body = body;
    this.code = codeOf(body.type, status);
  }
}

/** Codes by status, for answers that carry no type of their own. */
const BY_STATUS: Record<number, string> = {
  0: "unreachable",
  400: "malformed",
  401: "unauthenticated",
  403: "forbidden",
  404: "not-found",
  409: "state-conflict",
  413: "too-large",
  422: "validation",
  429: "throttled",
  503: "unavailable",
};

export function codeOf(type: string | undefined, status: number): string {
  const last = type?.split(":").pop();
  if (last && last !== "blank") return last;
  return BY_STATUS[status] ?? (status >= 400 && status < 500 ? "malformed" : "internal");
}

/** Faults by field path with dots: "#/skills/0" becomes "skills.0". */
export function fieldFaults(err: unknown): Record<string, FieldFault> {
  const out: Record<string, FieldFault> = {};
  if (!(err instanceof ApiError)) return out;
  for (const e of err.body.errors ?? []) {
    const where = e.pointer ? e.pointer.replace(/^#?\//, "").replaceAll("/", ".") : (e.parameter ?? "");
    if (where && !(where in out)) out[where] = e;
  }
  return out;
}
