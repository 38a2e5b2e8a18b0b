import { useQuery } from "@tanstack/react-query";
import { api } from "./client";
import { ApiError } from "./problem";
import type { Me, MeBody, Permission } from "./types";

/** Who is logged in; null when nobody is. */
export async function fetchMe(signal: AbortSignal): Promise<Me | null> {
  let body: MeBody;
  try {
    body = await api.get<MeBody>("/me", undefined, signal);
  } catch (err) {
    if (err instanceof ApiError && err.status === 401) return null;
    throw err;
  }
  const me: Me = {
    ...body.user,
    role: body.role,
    permissions: body.permissions,
    device_id: "",
    ice_servers: body.ice_servers ?? [],
  };
  if (me.agent_id) {
    // Without the right to read agents the browser is the phone.
    const agent = await api
      .get<{ device_id?: string }>(`/agents/${me.agent_id}`, undefined, signal)
      .catch((err: unknown) => {
        // Any other failure says nothing: taking it for "no desk phone" would
        // swap the phone of an agent who is in a call.
        if (err instanceof ApiError && (err.status === 403 || err.status === 404)) return undefined;
        throw err;
      });
    me.device_id = agent?.device_id ?? "";
  }
  return me;
}

/** Who is logged in; undefined while unknown, null when nobody is. */
export function useSession() {
  return useQuery({ queryKey: ["me"], queryFn: ({ signal }) => fetchMe(signal), staleTime: 5 * 60_000 });
}

/** Whether the server will let this user do something; this only spares useless clicks. */
export function may(me: Me | null | undefined, action: Permission): boolean {
  return me?.permissions.includes(action) ?? false;
}

export function useMay(action: Permission): boolean {
  return may(useSession().data, action);
}

export type Area = "inbox" | "calls" | "customers" | "wallboard" | "figures" | "admin";

const NEEDS: Record<Area, Permission[]> = {
  inbox: ["conversations.read"],
  calls: ["conversations.read"],
  customers: ["customers.read"],
  wallboard: ["wallboard.read"],
  figures: ["figures.read"],
  admin: ["users.read", "lines.read", "numbers.read"], // any of them
};

export function mayOpen(me: Me, area: Area): boolean {
  return NEEDS[area].some((action) => may(me, action));
}
