import { ApiError, type ProblemBody } from "./problem";

/** A list is sent as the key repeated. */
export type Query = Record<string, string | number | boolean | readonly string[] | undefined | null>;

export interface CallOptions {
  query?: Query;
  body?: unknown;
  signal?: AbortSignal;
  headers?: Record<string, string>;
  /** The request outlives the page; for at most 64 kB. */
  keepalive?: boolean;
}

const BASE = "/api/v1";

/** The address of an API resource with its query, for links and players. */
export function apiUrl(path: string, query?: Query): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {}))
    for (const one of Array.isArray(value) ? value : [value])
      if (one !== undefined && one !== null && one !== "") params.append(key, String(one));
  const text = params.toString();
  return `${BASE}${path}${text ? `?${text}` : ""}`;
}

/** One request. Throws ApiError; status 0 means that no server answered. */
export async function call<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
  let response: Response;
  try {
    response = await fetch(apiUrl(path, options.query), {
      method,
      signal: options.signal,
      credentials: "same-origin",
      keepalive: options.keepalive,
      headers: {
        Accept: "application/json",
        ...(options.body === undefined ? {} : { "Content-Type": "application/json" }),
        ...options.headers,
      },
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
    });
  } catch (err) {
    if (err instanceof DOMException && err.name === "AbortError") throw err;
    throw new ApiError(0, {});
  }
  const json = response.headers.get("Content-Type")?.includes("json") ?? false;
  const body: unknown = json ? await response.json().catch(() => undefined) : undefined;
  if (!response.ok) throw new ApiError(response.status, (body ?? {}) as ProblemBody);
  return body as T;
}

export const api = {
  get: <T>(path: string, query?: Query, signal?: AbortSignal) => call<T>("GET", path, { query, signal }),
  post: <T = void>(path: string, body?: unknown) => call<T>("POST", path, { body: body ?? {} }),
  put: <T = void>(path: string, body?: unknown) => call<T>("PUT", path, { body: body ?? {} }),
  patch: <T = void>(path: string, body?: unknown) => call<T>("PATCH", path, { body: body ?? {} }),
  delete: <T = void>(path: string, query?: Query) => call<T>("DELETE", path, { query }),
};
