import { TextInput } from "@mantine/core";
import { IconPlus, IconX } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { SpecialDay } from "@/api/types";
import { Button, IconButton } from "@/ui";
import { readHours, type Stretch, writeHours } from "./hours";

const WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/** A text of stretches that keeps what was typed until it is right. */
function HoursInput({
  label,
  value,
  onChange,
  readOnly,
  visible,
}: {
  label: string;
  value: Stretch[];
  onChange: (v: Stretch[]) => void;
  readOnly: boolean;
  visible?: boolean;
}) {
  const { t } = useTranslation();
  const [text, setText] = useState(() => writeHours(value));
  const wrong = readHours(text) === undefined;
  return (
    <TextInput
      label={visible ? label : undefined}
      aria-label={visible ? undefined : label}
      placeholder={t("admin.closed_all_day")}
      readOnly={readOnly}
      value={text}
      error={wrong ? t("admin.hours_format") : undefined}
      onChange={(e) => {
        setText(e.currentTarget.value);
        const parsed = readHours(e.currentTarget.value);
        if (parsed) onChange(parsed);
      }}
      onBlur={() => {
        if (!wrong) setText(writeHours(readHours(text) ?? []));
      }}
    />
  );
}

export function WeekField({
  value,
  onChange,
  readOnly,
}: {
  value: Record<string, Stretch[]>;
  onChange: (v: unknown) => void;
  readOnly: boolean;
}) {
  const { t } = useTranslation();
  return (
    <div className="week">
      {WEEK.map((d) => (
        <HoursInput
          key={d}
          visible
          label={t(`weekday.${d}`)}
          value={value[d] ?? []}
          readOnly={readOnly}
          onChange={(hours) => {
            const next = { ...value };
            if (hours.length > 0) next[d] = hours;
            else delete next[d];
            onChange(next);
          }}
        />
      ))}
    </div>
  );
}

/** Holidays and make-up workdays, one line each. */
export function DaysField({
  value,
  onChange,
  readOnly,
}: {
  value: SpecialDay[];
  onChange: (v: unknown) => void;
  readOnly: boolean;
}) {
  const { t } = useTranslation();
  const change = (i: number, part: Partial<SpecialDay>) =>
    onChange(value.map((d, j) => (i === j ? { ...d, ...part } : d)));
  const locked = readOnly ? t("problem.forbidden") : undefined;
  return (
    <div className="field-group">
      <p className="meta">{t("hint.days")}</p>
      {value.map((d, i) => (
        <div key={i} className="rows-row">
          <TextInput
            type="date"
            aria-label={t("admin.day_date", { n: i + 1 })}
            readOnly={readOnly}
            value={d.date}
            onChange={(e) => change(i, { date: e.currentTarget.value })}
          />
          <TextInput
            aria-label={t("admin.day_name", { n: i + 1 })}
            placeholder={t("field.name")}
            readOnly={readOnly}
            value={d.name}
            onChange={(e) => change(i, { name: e.currentTarget.value })}
          />
          <HoursInput
            label={t("admin.day_hours", { n: i + 1 })}
            value={d.hours}
            readOnly={readOnly}
            onChange={(hours) => change(i, { hours, workday: undefined })}
          />
          <IconButton
            label={t("admin.remove_row", { n: i + 1 })}
            icon={IconX}
            reason={locked}
            onClick={() => onChange(value.filter((_, j) => j !== i))}
          />
        </div>
      ))}
      <Button
        size="sm"
        reason={locked}
        onClick={() =>
          onChange([...value, { date: new Date().toISOString().slice(0, 10), name: "", hours: [] }])
        }
      >
        <IconPlus size={14} aria-hidden="true" />
        {t("action.add")}
      </Button>
    </div>
  );
}
