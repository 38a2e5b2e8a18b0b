import { useState } from "react";
import { useTranslation } from "react-i18next";

const KEYS: [string, string][] = [
  ["1", ""],
  ["2", "ABC"],
  ["3", "DEF"],
  ["4", "GHI"],
  ["5", "JKL"],
  ["6", "MNO"],
  ["7", "PQRS"],
  ["8", "TUV"],
  ["9", "WXYZ"],
  ["*", ""],
  ["0", "+"],
  ["#", ""],
];

/** Twelve keys; the keyboard's digits work while the pad has the focus. */
export function Keypad({
  onKey,
  echo = true,
  disabled,
}: {
  onKey: (key: string) => void;
  echo?: boolean;
  disabled?: boolean;
}) {
  const { t } = useTranslation();
  const [sent, setSent] = useState("");
  const press = (key: string) => {
    if (disabled) return;
    setSent((s) => (s + key).slice(-24));
    onKey(key);
  };
  return (
    <div
      role="group"
      aria-label={t("call.keypad")}
      onKeyDown={(e) => {
        if (/^[0-9*#]$/.test(e.key) && !e.ctrlKey && !e.metaKey && !e.altKey) {
          e.preventDefault();
          press(e.key);
        }
      }}
    >
      {echo && (
        <output
          className="num"
          style={{ display: "block", height: 28, textAlign: "center", fontSize: 17, fontWeight: 600 }}
          aria-label={t("call.sent_keys")}
        >
          {sent}
        </output>
      )}
      <div className="keypad">
        {KEYS.map(([key, letters]) => (
          <button
            key={key}
            type="button"
            aria-label={key}
            aria-disabled={disabled || undefined}
            onClick={() => press(key)}
          >
            {key}
            <small data-letters={letters} />
          </button>
        ))}
      </div>
    </div>
  );
}
