import i18next from "i18next";
import { describe, expect, it } from "vitest";
import { offsetOf } from "./CodeEditor";
import { readHours, writeHours } from "./hours";
import { at, bodyOf, byField, RESOURCES, titleOf } from "./resource";

describe("opening hours", () => {
  it.each([
    ["", []],
    ["09:00-18:00", [{ from: "09:00", to: "18:00" }]],
    [
      "9:00 - 12:00, 13:00-24:00",
      [
        { from: "09:00", to: "12:00" },
        { from: "13:00", to: "24:00" },
      ],
    ],
    [
      "09：00～12：00、13：00～18：00",
      [
        { from: "09:00", to: "12:00" },
        { from: "13:00", to: "18:00" },
      ],
    ],
    ["20:00-02:00", [{ from: "20:00", to: "02:00" }]],
    ["20:00-02:00, 03:00-04:00", undefined],
    ["24:00-01:00", undefined],
    ["09:00-12:00, 11:00-13:00", undefined],
    ["25:00-26:00", undefined],
    ["09:60-10:00", undefined],
    ["always", undefined],
  ])("%j", (text, want) => expect(readHours(text)).toEqual(want));
  it("are written as they are read", () => {
    const hours = [
      { from: "09:00", to: "12:00" },
      { from: "13:00", to: "24:00" },
    ];
    expect(readHours(writeHours(hours))).toEqual(hours);
  });
});

describe("records", () => {
  it("are called by their name in the reader's language, where they have one", async () => {
    const queue = {
      id: "qu_1",
      version: 1,
      name: "Sales",
      names: { en: "Sales", ja: "販売", "zh-CN": "销售" },
    };
    for (const [language, want] of [
      ["zh-CN", "销售"],
      ["ja", "販売"],
      ["en", "Sales"],
    ] as const) {
      await i18next.init({ lng: language, resources: {} });
      expect(titleOf(queue, "name")).toBe(want);
      expect(titleOf({ ...queue, names: {} }, "name")).toBe("Sales");
      expect(titleOf({ ...queue, number: "9000" }, "number")).toBe("9000");
    }
  });
  const lines = RESOURCES.lines;
  const users = RESOURCES.users;
  if (!lines || !users) throw new Error("resources are missing");
  it("find values by path", () => {
    expect(at({ a: { b: [1] } }, "a.b")).toEqual([1]);
    expect(at({ a: null }, "a.b")).toBeUndefined();
  });
  it("send no empty password, which keeps the stored one", () => {
    expect(bodyOf(lines, { ...lines.fresh, name: "x" }, false)).not.toHaveProperty("password");
    expect(bodyOf(lines, { ...lines.fresh, password: "s" }, false)).toMatchObject({ password: "s" });
  });
  it("send nothing that only the server sets", () => {
    const body = bodyOf(users, { ...users.fresh, id: "us_1", version: 3, created_at: "x", name: "A" }, false);
    expect(Object.keys(body)).not.toEqual(expect.arrayContaining(["id"]));
    expect(body).not.toHaveProperty("created_at");
  });
  it("show a fault within a field at the field", () => {
    const queues = RESOURCES.queues;
    if (!queues) throw new Error("no queues");
    expect(
      byField(queues, {
        "overflow.0.target": 1,
        "overflow.1.kind": 2,
        "service_level.formula": 3,
        version: 4,
      }),
    ).toEqual({ overflow: 1, "service_level.formula": 3, version: 4 });
  });
  it("have every field of their forms in a fresh record", () => {
    for (const r of Object.values(RESOURCES))
      for (const s of r.form)
        for (const f of s.fields)
          expect([r.path, f.name, at(r.fresh, f.name) !== undefined]).toEqual([r.path, f.name, true]);
  });
});

describe("editor", () => {
  const text = "a: 1\nb:\n  c: 2\n";
  it.each([
    [1, 1, 0],
    [2, 1, 5],
    [3, 3, 10],
    [99, 1, text.length],
    [1, 99, text.length],
  ])("line %d column %d is at %d", (line, column, want) => expect(offsetOf(text, line, column)).toBe(want));
});
