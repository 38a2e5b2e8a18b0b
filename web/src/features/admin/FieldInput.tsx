import {
  MultiSelect,
  NumberInput,
  PasswordInput,
  Select,
  Switch,
  TagsInput,
  Textarea,
  TextInput,
} from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { IconPlus, IconX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { SpecialDay } from "@/api/types";
import { LANGUAGE_NAMES, LANGUAGES } from "@/i18n";
import { Button, IconButton } from "@/ui";
import type { Cell, Choices, Field } from "./description";
import { DaysField, WeekField } from "./HoursFields";
import { useChoices } from "./refs";
import { at } from "./resource";

type Form = UseFormReturnType<Record<string, unknown>>;

interface Common {
  label: string;
  description: string | undefined;
  readOnly: boolean;
  error?: React.ReactNode;
}

/** One field of an administered record, by its kind. */
export function FieldInput({
  field: f,
  form,
  locked,
  creating,
}: {
  field: Field;
  form: Form;
  locked: boolean;
  creating: boolean;
}) {
  const { t, i18n } = useTranslation();
  const key = f.name.replaceAll(".", "_");
  const hint = f.kind === "password" && !creating ? "hint.password_keep" : `hint.${key}`;
  const common: Common = {
    label: t(`field.${key}`),
    description: i18n.exists(hint) ? t(hint) : undefined,
    readOnly: locked,
    error: form.errors[f.name],
  };
  const value = at(form.values, f.name);
  const set = (v: unknown) => form.setFieldValue(f.name, v as never);
  const visibility = { "aria-label": t("login.show_password") };
  switch (f.kind) {
    case "text":
      return (
        <TextInput
          {...common}
          withAsterisk={f.required}
          required={f.required}
          value={String(value ?? "")}
          onChange={(e) => set(e.currentTarget.value)}
        />
      );
    case "password":
      return (
        <PasswordInput
          {...common}
          autoComplete="new-password"
          value={String(value ?? "")}
          onChange={(e) => set(e.currentTarget.value)}
          visibilityToggleButtonProps={visibility}
        />
      );
    case "textarea":
      return (
        <Textarea
          {...common}
          rows={3}
          value={String(value ?? "")}
          onChange={(e) => set(e.currentTarget.value)}
        />
      );
    case "number":
    case "seconds":
      return (
        <NumberInput
          {...common}
          hideControls
          styles={{ wrapper: { width: 200 } }}
          min={f.min}
          max={f.max}
          allowDecimal={false}
          value={Number(value ?? 0)}
          onChange={(v) => set(Number(v) || 0)}
          rightSection={f.kind === "seconds" ? <span className="meta">{t("unit.s")}</span> : undefined}
        />
      );
    case "switch":
      return (
        <Switch
          label={common.label}
          description={common.description}
          error={common.error}
          disabled={locked}
          checked={value === true}
          onChange={(e) => set(e.currentTarget.checked)}
        />
      );
    case "strings":
      return <TagsInput {...common} value={(value as string[] | undefined) ?? []} onChange={set} />;
    case "select":
      return (
        <Choice
          {...common}
          choices={f.choices}
          required={f.required}
          value={String(value ?? "")}
          onChange={set}
        />
      );
    case "multi":
      return (
        <MultiChoice
          {...common}
          choices={f.choices}
          value={(value as string[] | undefined) ?? []}
          onChange={set}
        />
      );
    case "labels":
      return (
        <LabelsField {...common} value={(value as Record<string, string> | undefined) ?? {}} onChange={set} />
      );
    case "levels":
      return (
        <LevelsField {...common} value={(value as Record<string, number> | undefined) ?? {}} onChange={set} />
      );
    case "rows":
      return (
        <RowsField
          {...common}
          columns={f.columns}
          fresh={f.fresh}
          value={(value as Record<string, unknown>[] | undefined) ?? []}
          onChange={set}
        />
      );
    case "week":
      return (
        <WeekField
          value={(value ?? {}) as Record<string, { from: string; to: string }[]>}
          onChange={set}
          readOnly={locked}
        />
      );
    case "days":
      return <DaysField value={(value ?? []) as SpecialDay[]} onChange={set} readOnly={locked} />;
    default:
      return f satisfies never;
  }
}

function Choice({
  choices,
  required,
  value,
  onChange,
  ...common
}: Common & { choices: Choices; required?: boolean; value: string; onChange: (v: string) => void }) {
  const data = useChoices(choices);
  const { t } = useTranslation();
  return (
    <Select
      {...common}
      data={data.filter((d) => d.value !== "")}
      clearable={!required}
      searchable={data.length > 8}
      withAsterisk={required}
      value={value || null}
      placeholder={t("state.none")}
      onChange={(v) => onChange(v ?? "")}
    />
  );
}

function MultiChoice({
  choices,
  value,
  onChange,
  ...common
}: Common & { choices: Choices; value: string[]; onChange: (v: string[]) => void }) {
  return (
    <MultiSelect
      {...common}
      data={useChoices(choices)}
      searchable
      hidePickedOptions
      value={value}
      onChange={onChange}
    />
  );
}

function Group({ label, description, error, children }: Common & { children: React.ReactNode }) {
  return (
    <div className="field-group" role="group" aria-label={label}>
      <div className="group-label">{label}</div>
      {description && <div className="meta">{description}</div>}
      {children}
      {error && <div style={{ color: "var(--bad)", fontSize: 12 }}>{error}</div>}
    </div>
  );
}

function LabelsField({
  value,
  onChange,
  ...common
}: Common & { value: Record<string, string>; onChange: (v: Record<string, string>) => void }) {
  return (
    <Group {...common}>
      {LANGUAGES.map((l) => (
        <TextInput
          key={l}
          readOnly={common.readOnly}
          aria-label={`${common.label}, ${LANGUAGE_NAMES[l]}`}
          leftSection={<span className="meta">{LANGUAGE_NAMES[l]}</span>}
          leftSectionWidth={84}
          value={value[l] ?? ""}
          onChange={(e) => {
            const next = { ...value };
            if (e.currentTarget.value) next[l] = e.currentTarget.value;
            else delete next[l];
            onChange(next);
          }}
        />
      ))}
    </Group>
  );
}

function LevelsField({
  value,
  onChange,
  ...common
}: Common & { value: Record<string, number>; onChange: (v: Record<string, number>) => void }) {
  const rows = Object.entries(value).map(([skill, level]) => ({ skill, level }));
  return (
    <RowsField
      {...common}
      columns={[
        { name: "skill", kind: "text" },
        { name: "level", kind: "number", min: 1, max: 5 },
      ]}
      fresh={{ skill: "", level: 3 }}
      value={rows}
      onChange={(next) => onChange(Object.fromEntries(next.map((r) => [String(r.skill), Number(r.level)])))}
    />
  );
}

function RowsField({
  columns,
  fresh,
  value,
  onChange,
  ...common
}: Common & {
  columns: Cell[];
  fresh: Record<string, unknown>;
  value: Record<string, unknown>[];
  onChange: (v: Record<string, unknown>[]) => void;
}) {
  const { t } = useTranslation();
  const change = (i: number, name: string, v: unknown) => {
    const emptied = columns.filter((c) => c.kind === "target" && c.of === name).map((c) => [c.name, ""]);
    onChange(value.map((r, j) => (i === j ? { ...r, ...Object.fromEntries(emptied), [name]: v } : r)));
  };
  return (
    <Group {...common}>
      {value.length > 0 && (
        <div className="rows-row meta" aria-hidden="true">
          {columns.map((c) => (
            <span key={c.name}>{t(`field.${c.name}`)}</span>
          ))}
          <span className="icon-button" />
        </div>
      )}
      {value.map((row, i) => (
        <div key={i} className="rows-row">
          {columns.map((c) => (
            <CellInput
              key={c.name}
              cell={c}
              row={row}
              label={`${t(`field.${c.name}`)} ${i + 1}`}
              value={row[c.name]}
              readOnly={common.readOnly}
              onChange={(v) => change(i, c.name, v)}
            />
          ))}
          <IconButton
            label={t("admin.remove_row", { n: i + 1 })}
            icon={IconX}
            reason={common.readOnly ? t("problem.forbidden") : undefined}
            onClick={() => onChange(value.filter((_, j) => j !== i))}
          />
        </div>
      ))}
      <Button
        size="sm"
        reason={common.readOnly ? t("problem.forbidden") : undefined}
        onClick={() => onChange([...value, structuredClone(fresh)])}
        aria-label={`${t("action.add")}: ${common.label}`}
      >
        <IconPlus size={14} aria-hidden="true" />
        {t("action.add")}
      </Button>
    </Group>
  );
}

function CellInput({
  cell,
  row,
  label,
  value,
  readOnly,
  onChange,
}: {
  cell: Cell;
  row: Record<string, unknown>;
  label: string;
  value: unknown;
  readOnly: boolean;
  onChange: (v: unknown) => void;
}) {
  const { t } = useTranslation();
  const placeholder = t(`field.${cell.name}`);
  if (cell.kind === "number")
    return (
      <NumberInput
        aria-label={label}
        placeholder={placeholder}
        hideControls
        readOnly={readOnly}
        min={cell.min}
        max={cell.max}
        value={Number(value ?? 0)}
        onChange={(v) => onChange(Number(v) || 0)}
      />
    );
  if (cell.kind === "select")
    return (
      <CellSelect
        choices={cell.choices}
        label={label}
        value={String(value ?? "")}
        readOnly={readOnly}
        onChange={onChange}
      />
    );
  if (cell.kind === "target") {
    const of = String(row[cell.of] ?? "");
    if (cell.without.includes(of)) return null;
    const from = cell.from[of];
    if (from)
      return (
        <CellSelect
          choices={{ from }}
          label={label}
          placeholder={placeholder}
          value={String(value ?? "")}
          readOnly={readOnly}
          onChange={onChange}
        />
      );
  }
  return (
    <TextInput
      aria-label={label}
      placeholder={placeholder}
      readOnly={readOnly}
      value={String(value ?? "")}
      onChange={(e) => onChange(e.currentTarget.value)}
    />
  );
}

function CellSelect({
  choices,
  label,
  placeholder,
  value,
  readOnly,
  onChange,
}: {
  choices: Choices;
  label: string;
  placeholder?: string;
  value: string;
  readOnly: boolean;
  onChange: (v: unknown) => void;
}) {
  const data = useChoices(choices);
  // What cannot be chosen any more is shown all the same.
  const shown = value && !data.some((d) => d.value === value) ? [...data, { value, label: value }] : data;
  return (
    <Select
      aria-label={label}
      placeholder={placeholder}
      data={shown}
      searchable={shown.length > 8}
      readOnly={readOnly}
      value={value || null}
      onChange={(v) => onChange(v ?? "")}
    />
  );
}
