import { Modal } from "@mantine/core";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useSoftphone } from "@/features/softphone/store";
import { Kbd } from "@/ui";

const OPEN = "hotline:shortcuts";
export function openShortcuts(): void {
  dispatchEvent(new Event(OPEN));
}

const KEYS: [string, string[]][] = [
  ["keys.palette", ["Ctrl", "K"]],
  ["keys.help", ["?"]],
  ["keys.answer", ["Ctrl", "Shift", "A"]],
  ["keys.reject", ["Ctrl", "Shift", "X"]],
  ["keys.mute", ["M"]],
  ["keys.hold", ["H"]],
  ["keys.keypad", ["D"]],
  ["keys.transfer", ["T"]],
  ["keys.end", ["Shift", "E"]],
  ["keys.list", ["J", "K"]],
  ["keys.note", ["N"]],
  ["keys.save", ["Ctrl", "Enter"]],
  ["keys.go_inbox", ["G", "I"]],
  ["keys.go_calls", ["G", "C"]],
  ["keys.go_customers", ["G", "U"]],
  ["keys.go_wallboard", ["G", "W"]],
  ["keys.go_figures", ["G", "F"]],
];

export function ShortcutsHelp() {
  const { t } = useTranslation();
  const [opened, setOpened] = useState(false);
  const inCall = useSoftphone((s) => s.phone.phase === "talking" || s.phone.phase === "ringing");
  useEffect(() => {
    const on = () => setOpened((o) => !o);
    addEventListener(OPEN, on);
    return () => removeEventListener(OPEN, on);
  }, []);
  return (
    <Modal
      opened={opened}
      onClose={() => setOpened(false)}
      title={t("keys.title")}
      size="lg"
      withOverlay={!inCall} // nothing dims the page during a call
      closeButtonProps={{ "aria-label": t("action.close") }}
    >
      <dl
        style={{
          display: "grid",
          gridTemplateColumns: "repeat(auto-fill, minmax(250px, 1fr))",
          gap: "8px 28px",
        }}
      >
        {KEYS.map(([key, keys]) => (
          <div key={key} style={{ display: "flex", gap: 4, alignItems: "center" }}>
            <dt style={{ flex: 1 }}>{t(key)}</dt>
            <dd style={{ display: "flex", gap: 3 }}>
              {keys.map((k) => (
                <Kbd key={k}>{k}</Kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}
