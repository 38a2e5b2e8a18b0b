import { type KeyboardEvent, useRef } from "react";

export interface Mark {
  line: number;
  severity: "error" | "warning";
}

/** A text with line numbers. Tab indents by two spaces; Escape, then Tab, leaves the field. */
export function CodeEditor({
  label,
  value,
  onChange,
  readOnly,
  marks,
  area,
}: {
  label: string;
  value: string;
  onChange: (v: string) => void;
  readOnly?: boolean;
  marks: Mark[];
  area: React.RefObject<HTMLTextAreaElement | null>;
}) {
  const gutter = useRef<HTMLDivElement>(null);
  const leaving = useRef(false);
  const lines = value.split("\n").length;
  const worst = new Map<number, string>();
  for (const m of marks) if (worst.get(m.line) !== "error") worst.set(m.line, m.severity);

  const onKey = (e: KeyboardEvent<HTMLTextAreaElement>) => {
    if (e.key === "Escape") {
      leaving.current = true;
      return;
    }
    if (e.key !== "Tab" || readOnly || e.shiftKey || leaving.current) {
      leaving.current = false;
      return;
    }
    e.preventDefault();
    const el = e.currentTarget;
    el.setRangeText("  ", el.selectionStart, el.selectionEnd, "end");
    onChange(el.value);
  };
  return (
    <div className="editor">
      <div className="gutter num mono" ref={gutter} aria-hidden="true">
        {Array.from({ length: lines }, (_, i) => (
          <div key={i} data-severity={worst.get(i + 1)}>
            {i + 1}
          </div>
        ))}
      </div>
      <textarea
        ref={area}
        className="mono"
        aria-label={label}
        spellCheck={false}
        autoCapitalize="off"
        autoCorrect="off"
        wrap="off"
        readOnly={readOnly}
        value={value}
        onChange={(e) => onChange(e.currentTarget.value)}
        onKeyDown={onKey}
        onScroll={(e) => {
          if (gutter.current) gutter.current.scrollTop = e.currentTarget.scrollTop;
        }}
      />
    </div>
  );
}

/** Where a line and column lie in a text, as an offset. Both count from 1. */
export function offsetOf(text: string, line: number, column: number): number {
  let at = 0;
  for (let n = 1; n < line; n++) {
    const next = text.indexOf("\n", at);
    if (next < 0) return text.length;
    at = next + 1;
  }
  return Math.min(text.length, at + Math.max(0, column - 1));
}
