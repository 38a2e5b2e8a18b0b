import { Switch } from "@mantine/core";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import {
  bindable,
  capture,
  chordOf,
  clash,
  DEFAULT_KEYS,
  KEY_ACTIONS,
  type KeyAction,
  keyLabels,
} from "@/features/palette/keymap";
import { onMac, useKeys } from "@/features/palette/keyStore";
import { Button, Card, Kbd } from "@/ui";

const SECOND_MS = 900; // a second letter may follow the first within this time

/** The keys of the workbench: switched off, changed, or given back. */
export function Shortcuts() {
  const { t } = useTranslation();
  const { keys, singles, bind, setSingles, reset } = useKeys();
  const [editing, setEditing] = useState<KeyAction>();
  const [refused, setRefused] = useState("");
  const list = useRef<HTMLUListElement>(null);
  const changed = !singles || KEY_ACTIONS.some((a) => keys[a] !== DEFAULT_KEYS[a]);

  // The button comes back with the focus that the waiting one had.
  const done = (action: KeyAction) => {
    setEditing(undefined);
    requestAnimationFrame(() =>
      list.current?.querySelector<HTMLElement>(`[data-action="${action}"]`)?.focus(),
    );
  };
  const take = (action: KeyAction, binding: string) => {
    const other = binding === "" ? undefined : clash(keys, action, binding);
    if (editing === action) done(action);
    if (other) {
      setRefused(t("keys.taken", { keys: keyLabels(binding, onMac).join(" "), name: t(`keys.${other}`) }));
      return;
    }
    setRefused("");
    bind(action, binding);
  };
  return (
    <Card
      title={t("keys.title")}
      aside={
        <Button size="sm" onClick={reset} reason={changed ? undefined : t("form.unchanged")}>
          {t("keys.reset")}
        </Button>
      }
    >
      <div className="stack">
        <Switch
          label={t("keys.singles")}
          description={t("keys.singles_hint")}
          checked={singles}
          onChange={(e) => setSingles(e.currentTarget.checked)}
        />
        <p role="alert" style={{ color: "var(--bad)" }} hidden={!refused}>
          {refused}
        </p>
        <ul className="key-list" ref={list} aria-label={t("keys.title")}>
          {KEY_ACTIONS.map((action) => (
            <li key={action}>
              <span className="grow">{t(`keys.${action}`)}</span>
              {editing === action ? (
                <Capture
                  name={t(`keys.${action}`)}
                  onDone={(b) => take(action, b)}
                  onCancel={() => done(action)}
                  onLeave={() => setEditing(undefined)}
                />
              ) : (
                <Button
                  size="sm"
                  data-action={action}
                  onClick={() => {
                    setRefused("");
                    setEditing(action);
                  }}
                >
                  <span className="sr-only">{t("keys.change", { name: t(`keys.${action}`) })}</span>
                  {keys[action] === ""
                    ? t("keys.none")
                    : keyLabels(keys[action], onMac).map((k, i) => <Kbd key={i}>{k}</Kbd>)}
                </Button>
              )}
              <Button
                size="sm"
                kind="quiet"
                aria-label={t("keys.remove", { name: t(`keys.${action}`) })}
                reason={keys[action] === "" ? t("keys.none") : undefined}
                onClick={() => take(action, "")}
              >
                {t("keys.off")}
              </Button>
            </li>
          ))}
        </ul>
      </div>
    </Card>
  );
}

/** Waits for the new keys; Escape or leaving it keeps the old ones. */
function Capture({
  name,
  onDone,
  onCancel,
  onLeave,
}: {
  name: string;
  onDone: (binding: string) => void;
  onCancel: () => void;
  onLeave: () => void;
}) {
  const { t } = useTranslation();
  const [chords, setChords] = useState<string[]>([]);
  useEffect(() => {
    if (chords.length === 0) return;
    const id = setTimeout(() => onDone(chords.join(" ")), SECOND_MS);
    return () => clearTimeout(id);
  }, [chords, onDone]);
  const on = (e: KeyboardEvent) => {
    if (e.key === "Tab") return;
    e.preventDefault();
    e.stopPropagation(); // the keys being chosen must not act
    if (e.key === "Escape") return onCancel();
    const chord = chordOf(e.nativeEvent);
    if (e.repeat || chord === undefined || !bindable(chord)) return;
    const next = capture(chords, chord);
    if (next.done) onDone(next.chords.join(" "));
    else setChords(next.chords);
  };
  return (
    <button
      type="button"
      className="btn"
      data-size="sm"
      data-kind="primary"
      autoFocus
      aria-label={t("keys.press", { name })}
      onKeyDown={on}
      onBlur={onLeave}
    >
      {chords.length > 0 ? keyLabels(chords.join(" "), onMac).join(" ") : t("keys.waiting")}
    </button>
  );
}
