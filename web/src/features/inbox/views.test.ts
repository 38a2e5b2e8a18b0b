import { describe, expect, it } from "vitest";
import type { Me } from "@/api/types";
import { viewOf, viewsOf } from "./views";

const agent = { agent_id: "ag_1" } as Me;
const supervisor = { agent_id: "" } as Me;

describe("the inbox", () => {
  it("has no view of one's own for who is no agent", () => {
    expect(viewsOf(supervisor)).toEqual(["queue", "closed"]);
    expect(viewOf(supervisor, "mine")).toBe("queue");
    expect(viewOf(supervisor, "closed")).toBe("closed");
  });
  it("begins with an agent's own", () => {
    expect(viewOf(agent, undefined)).toBe("mine");
    expect(viewOf(agent, "queue")).toBe("queue");
    expect(viewOf(agent, "nonsense")).toBe("mine");
  });
});
