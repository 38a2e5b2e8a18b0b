import { create } from "zustand";
import { type Ear, type EarInput, off, reduceEar, type Supervised } from "./state";

interface SupervisionStore {
  ear: Ear;
  supervised: Supervised | undefined;
  dispatch(input: EarInput): void;
  setSupervised(supervised: Supervised | undefined): void;
}

export const useSupervision = create<SupervisionStore>()((set) => ({
  ear: off,
  supervised: undefined,
  dispatch: (input) => set((s) => ({ ear: reduceEar(s.ear, input) })),
  setSupervised: (supervised) => set({ supervised }),
}));
