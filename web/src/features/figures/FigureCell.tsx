import { Tooltip } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Figure } from "@/api/types";
import { clock, number, percent } from "@/i18n/format";

/** A figure's name, and under it the code of its formula with the formula behind it. */
export function Heading({ f }: { f: Figure }) {
  const { t, i18n } = useTranslation();
  const formula = i18n.exists(`formula.${f.code}`)
    ? t(`formula.${f.code}`)
    : t("figures.code_only", { code: f.code });
  return (
    <Tooltip label={formula}>
      <button type="button" className="figure-head" aria-description={formula}>
        {i18n.exists(`figure.${f.name}`) ? t(`figure.${f.name}`) : f.name}
        <code>{f.code}</code>
      </button>
    </Tooltip>
  );
}

/** A figure as its unit is read; a dash where its formula divides by nothing. */
export function Value({ f }: { f: Figure | undefined }) {
  if (!f?.defined) return <span className="meta">–</span>;
  if (f.unit === "ratio") return <span className={f.target ? "target" : undefined}>{percent(f.value)}</span>;
  if (f.unit === "seconds") return <>{clock(f.value)}</>;
  return <>{number(f.value)}</>;
}
