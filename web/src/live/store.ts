import { create } from "zustand";
import type { LinkStatus } from "./state";

interface LiveStore {
  status: LinkStatus;
  lostAt: number | undefined;
  set(status: LinkStatus, lostAt: number | undefined): void;
}

export const useLive = create<LiveStore>()((set) => ({
  status: "connecting",
  lostAt: undefined,
  set: (status, lostAt) => set({ status, lostAt }),
}));
