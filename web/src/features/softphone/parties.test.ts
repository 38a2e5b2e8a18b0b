import { describe, expect, it } from "vitest";
import { type Parties, partOf, readParties } from "./parties";

const call = (more: Partial<Parties>): Parties => ({
  conversation_id: "cv_1",
  lead_id: "ag_ann",
  parties: [
    { id: "customer", kind: "customer", name: "", state: "waiting" },
    { id: "ag_ann", kind: "agent", name: "Ann", state: "consulting" },
    { id: "ag_bob", kind: "agent", name: "Bob", state: "consulting" },
  ],
  consult: {
    by_id: "ag_ann",
    kind: "agent",
    name: "Bob",
    joins: false,
    answered: true,
    swapped: false,
  },
  ...more,
});

describe("parties of a call", () => {
  it("lets who asks hand over, swap, merge and go back, and the colleague only leave", () => {
    expect(partOf(call({}), "cv_1", "ag_ann")).toMatchObject({
      leads: true,
      answered: true,
      asking: true,
      apart: true,
      mayLeave: false,
      shown: true,
    });
    expect(partOf(call({}), "cv_1", "ag_bob")).toMatchObject({
      leads: false,
      consulted: true,
      answered: false,
      asking: false,
      mayLeave: true,
    });
  });

  it("lets the agent take the customer back from a flow, or leave them with it", () => {
    const served = call({
      consult: undefined,
      flow: { id: "fl_1", name: "Card", since: "2026-01-01T00:00:00Z" },
      parties: [
        { id: "customer", kind: "customer", name: "", state: "in_flow" },
        { id: "ag_ann", kind: "agent", name: "Ann", state: "waiting" },
      ],
    });
    expect(partOf(served, "cv_1", "ag_ann")).toMatchObject({
      leads: true,
      asking: false,
      served: true,
      mayLeave: true,
      shown: true,
    });
  });

  it("lets everybody leave a conference, and only who has the call more", () => {
    const conference = call({
      consult: undefined,
      parties: call({}).parties.map((m) => ({ ...m, state: "talking" as const })),
    });
    expect(partOf(conference, "cv_1", "ag_ann")).toMatchObject({
      leads: true,
      asking: false,
      mayLeave: true,
    });
    expect(partOf(conference, "cv_1", "ag_bob")).toMatchObject({
      leads: false,
      consulted: false,
      mayLeave: true,
    });
  });

  it("shows nothing for a plain call, nor for another one", () => {
    const plain = call({ consult: undefined, parties: call({}).parties.slice(0, 2) });
    expect(partOf(plain, "cv_1", "ag_ann")).toMatchObject({ leads: true, mayLeave: false, shown: false });
    expect(partOf(call({}), "cv_2", "ag_ann")).toMatchObject({ leads: true, shown: false });
  });

  it("reads nothing that makes no sense", () => {
    expect(readParties({ conversation_id: "cv_1" })).toBeUndefined();
    expect(readParties(null)).toBeUndefined();
    expect(readParties(call({}))?.lead_id).toBe("ag_ann");
  });
});
