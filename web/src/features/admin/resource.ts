// Descriptions of administered records: what their tables and forms show.
import { type Labels, labelOf } from "@/api/directory";
import type { Field, Resource, Row } from "./description";
import type { AdminSection } from "./sections";

const LANGS = { group: "language", values: ["", "zh-CN", "en", "ja"] } as const;
const EMPTY_RULES = { group: "empty_rule", values: ["yes", "no", "strict"] } as const;

const text = (name: string, required = false): Field => ({ name, kind: "text", required });
const on = (name: string): Field => ({ name, kind: "switch" });
const seconds = (name: string, min = 0, max = 86400): Field => ({ name, kind: "seconds", min, max });
const number = (name: string, min = 0, max = 1_000_000): Field => ({ name, kind: "number", min, max });

export const RESOURCES: Partial<Record<AdminSection, Resource>> = {
  users: {
    section: "users",
    path: "users",
    read: "users.read",
    write: "users.write",
    fresh: {
      email: "",
      name: "",
      role: "agent",
      password: "",
      team_id: "",
      agent_id: "",
      language: "",
      disabled: false,
    },
    columns: [
      { name: "name", kind: "name" },
      { name: "email", kind: "text" },
      { name: "role", kind: "word", group: "role" },
      { name: "team_id", kind: "ref", ref: "teams" },
      { name: "agent_id", kind: "ref", ref: "agents" },
      { name: "disabled", kind: "disabled" },
    ],
    form: [
      {
        title: "general",
        fields: [
          text("name", true),
          text("email", true),
          {
            name: "role",
            kind: "select",
            choices: { group: "role", values: ["agent", "supervisor", "admin", "auditor"] },
            required: true,
          },
          { name: "password", kind: "password" },
          { name: "language", kind: "select", choices: LANGS },
        ],
      },
      {
        title: "work",
        fields: [
          { name: "agent_id", kind: "select", choices: { from: "agents" } },
          { name: "team_id", kind: "select", choices: { from: "teams" } },
          on("disabled"),
        ],
      },
    ],
  },
  teams: {
    section: "teams",
    path: "teams",
    read: "teams.read",
    write: "teams.write",
    fresh: { name: "", description: "" },
    columns: [
      { name: "name", kind: "name" },
      { name: "description", kind: "text" },
    ],
    form: [{ title: "general", fields: [text("name", true), { name: "description", kind: "textarea" }] }],
  },
  agents: {
    section: "agents",
    path: "agents",
    read: "agents.read",
    write: "agents.write",
    fresh: {
      name: "",
      user_id: "",
      team_id: "",
      skills: {},
      queues: [],
      device_id: "",
      capacity: { voice: 0, chat: 0, mixed: false },
      enabled: true,
    },
    columns: [
      { name: "name", kind: "name" },
      { name: "team_id", kind: "ref", ref: "teams" },
      { name: "queues", kind: "refs", ref: "queues" },
      { name: "skills", kind: "labels" },
      { name: "device_id", kind: "ref", ref: "devices" },
      { name: "enabled", kind: "enabled" },
    ],
    form: [
      {
        title: "general",
        fields: [
          text("name", true),
          { name: "team_id", kind: "select", choices: { from: "teams" } },
          { name: "device_id", kind: "select", choices: { from: "devices" } },
          on("enabled"),
        ],
      },
      {
        title: "routing",
        fields: [
          { name: "queues", kind: "multi", choices: { from: "queues" } },
          { name: "skills", kind: "levels" },
          number("capacity.voice", 0, 10),
          number("capacity.chat", 0, 50),
          on("capacity.mixed"),
        ],
      },
    ],
  },
  queues: {
    section: "queues",
    path: "queues",
    read: "queues.read",
    write: "queues.write",
    fresh: {
      name: "",
      names: {},
      team_id: "",
      strategy: "least_occupied",
      order: [],
      ring_timeout: 20,
      max_no_answer: 3,
      wrap_up_time: 30,
      wrap_up_extension: 30,
      wrap_up_extensions: 2,
      max_wait: 900,
      max_length: 0,
      join_empty: "yes",
      leave_empty: "no",
      overflow: [{ kind: "end" }],
      priority: 0,
      ageing: 1,
      skills: [],
      relaxation: [],
      sticky_agent: 0,
      announce: { music: "", position: true, expected_wait: false, repeat: 60 },
      service_level: { threshold: 20, formula: "SL-STRICT" },
      record: true,
      record_share: 100,
      record_on_demand: false,
      record_notice: false,
      record_notice_text: {},
      record_refusal: "",
      wideband_uplink: false,
      enabled: true,
    },
    columns: [
      { name: "name", kind: "name" },
      { name: "strategy", kind: "word", group: "strategy" },
      { name: "team_id", kind: "ref", ref: "teams" },
      { name: "priority", kind: "number" },
      { name: "service_level.formula", kind: "code" },
      { name: "enabled", kind: "enabled" },
    ],
    form: [
      {
        title: "general",
        fields: [
          text("name", true),
          { name: "names", kind: "labels" },
          { name: "team_id", kind: "select", choices: { from: "teams" } },
          on("wideband_uplink"),
          on("enabled"),
        ],
      },
      {
        title: "recording",
        fields: [
          on("record"),
          number("record_share", 1, 100),
          on("record_on_demand"),
          on("record_notice"),
          { name: "record_notice_text", kind: "labels" },
          {
            name: "record_refusal",
            kind: "select",
            choices: { group: "key", values: ["1", "2", "3", "4", "5", "6", "7", "8", "9"] },
          },
        ],
      },
      {
        title: "routing",
        fields: [
          {
            name: "strategy",
            kind: "select",
            required: true,
            choices: {
              group: "strategy",
              values: [
                "least_occupied",
                "longest_idle",
                "round_robin",
                "fewest_contacts",
                "best_skill",
                "ring_all",
                "top_down",
                "random",
              ],
            },
          },
          {
            name: "order",
            kind: "multi",
            choices: { from: "agents" },
            when: { name: "strategy", is: "top_down" },
          },
          seconds("ring_timeout", 1, 600),
          number("max_no_answer", 0, 1000),
          number("priority", -1_000_000),
          number("ageing", 0, 1000),
          seconds("sticky_agent"),
          {
            name: "skills",
            kind: "rows",
            fresh: { skill: "", level: 1 },
            columns: [
              { name: "skill", kind: "text" },
              { name: "level", kind: "number", min: 1, max: 5 },
            ],
          },
          {
            name: "relaxation",
            kind: "rows",
            fresh: { after: 30, skill: "", level: 0 },
            columns: [
              { name: "after", kind: "number", min: 1 },
              { name: "skill", kind: "text" },
              { name: "level", kind: "number", min: 0, max: 5 },
            ],
          },
        ],
      },
      {
        title: "waiting",
        fields: [
          seconds("max_wait", 1),
          number("max_length"),
          { name: "join_empty", kind: "select", choices: EMPTY_RULES, required: true },
          { name: "leave_empty", kind: "select", choices: EMPTY_RULES, required: true },
          {
            name: "overflow",
            kind: "rows",
            fresh: { kind: "end", target: "" },
            columns: [
              {
                name: "kind",
                kind: "select",
                choices: {
                  group: "overflow",
                  values: ["queue", "flow", "number", "voicemail", "end"],
                },
              },
              {
                name: "target",
                kind: "target",
                of: "kind",
                from: { queue: "queues", flow: "flows" },
                without: ["end", "callback", "ticket"],
              },
            ],
          },
          text("announce.music"),
          on("announce.position"),
          on("announce.expected_wait"),
          seconds("announce.repeat", 0, 3600),
        ],
      },
      {
        title: "after_call",
        fields: [seconds("wrap_up_time"), seconds("wrap_up_extension"), number("wrap_up_extensions", 0, 100)],
      },
      {
        title: "service_level",
        fields: [
          seconds("service_level.threshold", 1, 3600),
          {
            name: "service_level.formula",
            kind: "select",
            required: true,
            choices: {
              group: "formula",
              values: ["SL-STRICT", "SL-OFFERED", "SL-ANSWERED", "SL-REMOVED", "SL-FAIR"],
            },
          },
        ],
      },
    ],
  },
  lines: {
    section: "lines",
    path: "lines",
    read: "lines.read",
    write: "lines.write",
    live: true,
    fresh: {
      name: "",
      mode: "ip",
      hosts: [],
      server: "",
      username: "",
      password: "",
      transport: "udp",
      codecs: ["PCMA", "PCMU", "G722"],
      max_calls: 0,
      calls_per_second: 0,
      caller_id: "",
      default_country: "",
      inband_digits: false,
      enabled: true,
    },
    columns: [
      { name: "name", kind: "name" },
      { name: "mode", kind: "word", group: "line_mode" },
      { name: "transport", kind: "code" },
      { name: "hosts", kind: "refs" },
      { name: "server", kind: "text" },
      { name: "max_calls", kind: "limit" },
      { name: "registration", kind: "registration" },
      { name: "enabled", kind: "enabled" },
    ],
    form: [
      {
        title: "general",
        fields: [
          text("name", true),
          {
            name: "mode",
            kind: "select",
            required: true,
            choices: { group: "line_mode", values: ["ip", "register"] },
          },
          { name: "hosts", kind: "strings" },
          text("server"),
          text("username"),
          { name: "password", kind: "password" },
          {
            name: "transport",
            kind: "select",
            required: true,
            choices: { group: "transport", values: ["udp", "tcp", "tls"] },
          },
          on("enabled"),
        ],
      },
      {
        title: "media",
        fields: [
          { name: "codecs", kind: "multi", choices: { group: "codec", values: ["PCMA", "PCMU", "G722"] } },
          number("max_calls"),
          number("calls_per_second", 0, 10000),
          text("caller_id"),
          text("default_country"),
          on("inband_digits"),
        ],
      },
    ],
  },
  devices: {
    section: "devices",
    path: "devices",
    read: "devices.read",
    write: "devices.write",
    live: true,
    fresh: { name: "", username: "", password: "", display_name: "", enabled: true },
    columns: [
      { name: "name", kind: "name" },
      { name: "username", kind: "code" },
      { name: "display_name", kind: "text" },
      { name: "online", kind: "online" },
      { name: "enabled", kind: "enabled" },
    ],
    form: [
      {
        title: "general",
        fields: [
          text("name", true),
          text("username", true),
          { name: "password", kind: "password" },
          text("display_name"),
          on("enabled"),
        ],
      },
    ],
  },
  numbers: {
    section: "numbers",
    path: "numbers",
    read: "numbers.read",
    write: "numbers.write",
    fresh: {
      number: "",
      description: "",
      line_ids: [],
      flow_id: "",
      language: "",
      test_phone: false,
      enabled: true,
    },
    columns: [
      { name: "number", kind: "name" },
      { name: "description", kind: "text" },
      { name: "flow_id", kind: "ref", ref: "flows" },
      { name: "language", kind: "word", group: "language" },
      { name: "line_ids", kind: "refs", ref: "lines" },
      { name: "test_phone", kind: "enabled" },
      { name: "enabled", kind: "enabled" },
    ],
    form: [
      {
        title: "general",
        fields: [
          text("number", true),
          text("description"),
          { name: "flow_id", kind: "select", choices: { from: "flows" } },
          { name: "language", kind: "select", choices: LANGS },
          { name: "line_ids", kind: "multi", choices: { from: "lines" } },
          on("test_phone"),
          on("enabled"),
        ],
      },
    ],
  },
  hours: {
    section: "hours",
    path: "hours",
    read: "hours.read",
    write: "hours.write",
    fresh: { name: "", timezone: Intl.DateTimeFormat().resolvedOptions().timeZone, week: {}, days: [] },
    columns: [
      { name: "name", kind: "name" },
      { name: "timezone", kind: "text" },
      { name: "days", kind: "count" },
    ],
    form: [
      { title: "general", fields: [text("name", true), text("timezone", true)] },
      { title: "week", fields: [{ name: "week", kind: "week" }] },
      { title: "days", fields: [{ name: "days", kind: "days" }] },
    ],
  },
  breaks: {
    section: "breaks",
    path: "breaks",
    read: "breaks.read",
    write: "breaks.write",
    fresh: { id: "", names: {}, order: 0 },
    columns: [
      { name: "id", kind: "name" },
      { name: "names", kind: "labels" },
      { name: "order", kind: "number" },
    ],
    form: [
      {
        title: "general",
        fields: [
          { name: "id", kind: "text", required: true, once: true },
          { name: "names", kind: "labels" },
          number("order", 0, 1000),
        ],
      },
    ],
  },
  "wrapup-codes": {
    section: "wrapup-codes",
    path: "wrapup-codes",
    read: "wrapup_codes.read",
    write: "wrapup_codes.write",
    fresh: {
      code: "",
      category: "",
      names: {},
      queue_id: "",
      required: false,
      do_not_contact: false,
      order: 0,
    },
    columns: [
      { name: "code", kind: "name" },
      { name: "names", kind: "labels" },
      { name: "category", kind: "text" },
      { name: "queue_id", kind: "ref", ref: "queues" },
      { name: "required", kind: "enabled" },
      { name: "order", kind: "number" },
    ],
    form: [
      {
        title: "general",
        fields: [
          text("code", true),
          { name: "names", kind: "labels" },
          text("category"),
          { name: "queue_id", kind: "select", choices: { from: "queues" } },
          on("required"),
          on("do_not_contact"),
          number("order", 0, 1000),
        ],
      },
    ],
  },
};

/** The value at a path with dots. */
export function at(row: unknown, path: string): unknown {
  let v: unknown = row;
  for (const key of path.split("."))
    v = typeof v === "object" && v !== null ? (v as Record<string, unknown>)[key] : undefined;
  return v;
}

/** What a record is called in the reader's language, by the column of its name. */
export function titleOf(row: Row, column: string): string {
  const name = String(at(row, column) ?? "");
  return column === "name" ? labelOf(row.names as Labels | undefined, name) : name;
}

/** Faults by the field of the form in which they are: one of hosts.2 stands at hosts. */
export function byField<F>(resource: Resource, faults: Record<string, F>): Record<string, F> {
  const names = resource.form.flatMap((s) => s.fields.map((f) => f.name));
  const out: Record<string, F> = {};
  for (const [path, fault] of Object.entries(faults)) {
    const name = names
      .filter((n) => path === n || path.startsWith(`${n}.`))
      .reduce((a, b) => (b.length > a.length ? b : a), "");
    out[name || path] ??= fault;
  }
  return out;
}

/** The fields of a form that are sent: top-level ones named by its fields. */
export function bodyOf(
  resource: Resource,
  values: Record<string, unknown>,
  creating: boolean,
): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const section of resource.form)
    for (const f of section.fields) {
      const top = f.name.split(".")[0] ?? f.name;
      if (f.once && !creating) continue;
      const v = values[top];
      if (f.kind === "password" && !v) continue; // an empty one keeps what is stored
      if (creating && resource.path === "users" && v === "") continue;
      out[top] = v;
    }
  return out;
}
