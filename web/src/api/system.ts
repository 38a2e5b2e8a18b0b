import { useQuery } from "@tanstack/react-query";
import { api } from "./client";
import type { components } from "./schema";

type System = components["schemas"]["SystemBody"];

/** What the pages must know before anybody logs in. */
export function useSystem(): System | undefined {
  return useQuery({
    queryKey: ["system"],
    queryFn: ({ signal }) => api.get<System>("/system", undefined, signal),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  }).data;
}

/** This page where the browser gives the microphone: the server's HTTPS address. */
export function useSecureAddress(): string {
  const base = useSystem()?.https_url || `https://${location.hostname}:8443`;
  return base.replace(/\/$/, "") + location.pathname + location.search;
}
