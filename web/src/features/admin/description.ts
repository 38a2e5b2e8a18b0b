// What a table and a form of administered records are described by.
import type { Permission } from "@/api/types";
import type { AdminSection } from "./sections";

export type Row = Record<string, unknown> & { id: string; version: number };

/** Where the choices of a field come from: a fixed list, or another resource. */
export type Choices =
  | { group: string; values: readonly string[] }
  | { from: "teams" | "queues" | "agents" | "users" | "lines" | "devices" | "flows" };

export type Field = {
  /** Path in the record, with dots. */
  name: string;
  required?: boolean;
  /** Only when it is created. */
  once?: boolean;
  /** Only while another field has this value. */
  when?: { name: string; is: string };
} & (
  | { kind: "text" | "password" | "textarea" | "strings" | "switch" | "labels" | "levels" | "week" | "days" }
  | { kind: "number" | "seconds"; min?: number; max?: number }
  | { kind: "select" | "multi"; choices: Choices }
  | { kind: "rows"; fresh: Record<string, unknown>; columns: Cell[] }
);

export type Cell = { name: string } & (
  | { kind: "text" }
  | { kind: "number"; min?: number; max?: number }
  | { kind: "select"; choices: Choices }
  /** By another cell of the row: a record of its kind, nothing, or a plain text. */
  | {
      kind: "target";
      of: string;
      from: Partial<Record<string, Extract<Choices, { from: string }>["from"]>>;
      without: readonly string[];
    }
);

export interface Section {
  title: string;
  fields: Field[];
}

export type ColumnKind =
  | "text"
  | "number"
  | "name"
  | "enabled"
  | "ref"
  | "refs"
  | "labels"
  | "code"
  | "word"
  | "count"
  | "disabled"
  | "limit"
  | "registration"
  | "online";
export interface TableColumn {
  name: string;
  kind: ColumnKind;
  ref?: Extract<Choices, { from: string }>["from"];
  group?: string;
}

export interface Resource {
  section: AdminSection;
  path: string;
  read: Permission;
  write: Permission;
  /** The list shows what changes by itself: it is read again and again. */
  live?: boolean;
  fresh: Record<string, unknown>;
  columns: TableColumn[];
  form: Section[];
}
