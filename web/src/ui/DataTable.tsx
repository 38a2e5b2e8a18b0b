import { IconDatabaseOff } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Empty, Failed, Skeleton } from ".";

export interface Column<T> {
  key: string;
  title: string;
  cell: (row: T) => ReactNode;
  right?: boolean;
}

/** A table with its states: loading, failed, empty, rows. Rows open by a link in a cell. */
export function DataTable<T>({
  label,
  columns,
  rows,
  rowKey,
  error,
  onRetry,
  onOpen,
  empty,
  foot,
  heading,
}: {
  label: string;
  columns: Column<T>[];
  rows: T[] | undefined;
  rowKey: (row: T) => string;
  error?: unknown;
  onRetry?: () => void;
  /** A click anywhere in the row; a link in the first cell serves the keyboard. */
  onOpen?: (row: T) => void;
  empty?: { title: string; text?: string; action?: ReactNode };
  foot?: ReactNode;
  /** A richer heading for some columns. */
  heading?: (key: string) => ReactNode;
}) {
  const { t } = useTranslation();
  if (error && !rows) return <Failed error={error} onRetry={onRetry} />;
  if (!rows) return <Skeleton rows={7} height={34} />;
  if (rows.length === 0)
    return (
      <div className="table-wrap">
        <Empty icon={IconDatabaseOff} title={empty?.title ?? t("table.empty")} action={empty?.action}>
          {empty?.text}
        </Empty>
      </div>
    );
  return (
    <div className="table-wrap" tabIndex={0} role="region" aria-label={label}>
      <table className="data" aria-label={label}>
        <thead>
          <tr>
            {columns.map((c) => (
              <th key={c.key} scope="col" className={c.right ? "right" : undefined}>
                {heading?.(c.key) ?? c.title ?? ""}
                {c.title === "" && <span className="sr-only">{t("table.actions")}</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr
              key={rowKey(row)}
              data-clickable={onOpen ? true : undefined}
              onClick={
                onOpen &&
                ((e) => {
                  if (!(e.target as HTMLElement).closest("a, button, input")) onOpen(row);
                })
              }
            >
              {columns.map((c) => (
                <td key={c.key} className={c.right ? "right num" : undefined}>
                  {c.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {foot}
    </div>
  );
}
