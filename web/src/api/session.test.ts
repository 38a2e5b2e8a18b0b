import { afterEach, describe, expect, it, vi } from "vitest";
import { fetchMe } from "./session";

const me = { user: { id: "us_1", agent_id: "ag_1" }, role: "agent", permissions: [] };

function answers(agent: () => Response): void {
  vi.stubGlobal("fetch", async (url: string) => (url.endsWith("/me") ? Response.json(me) : agent()));
}
afterEach(() => vi.unstubAllGlobals());

describe("the agent's desk phone", () => {
  it("is the one of the record", async () => {
    answers(() => Response.json({ device_id: "de_1" }));
    expect((await fetchMe(new AbortController().signal))?.device_id).toBe("de_1");
  });
  it.each([403, 404])("is the browser where the record cannot be read (%d)", async (status) => {
    answers(() => new Response(null, { status }));
    expect((await fetchMe(new AbortController().signal))?.device_id).toBe("");
  });
  it.each([500, 503])("is unknown after a fault of the server (%d)", async (status) => {
    answers(() => new Response(null, { status }));
    await expect(fetchMe(new AbortController().signal)).rejects.toMatchObject({ status });
  });
  it("is unknown when no server answers", async () => {
    answers(() => {
      throw new TypeError("network");
    });
    await expect(fetchMe(new AbortController().signal)).rejects.toMatchObject({ status: 0 });
  });
});
