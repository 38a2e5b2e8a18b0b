import { Modal } from "@mantine/core";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useSoftphone } from "@/features/softphone/store";
import { Kbd } from "@/ui";
import { KEY_ACTIONS, keyLabels, worksInFields } from "./keymap";
import { onMac, useKeys } from "./keyStore";

const OPEN = "hotline:shortcuts";
export function openShortcuts(): void {
  dispatchEvent(new Event(OPEN));
}

export function ShortcutsHelp() {
  const { t } = useTranslation();
  const [opened, setOpened] = useState(false);
  const { keys, singles } = useKeys();
  const shown: [string, string][] = [
    ...KEY_ACTIONS.filter((a) => keys[a] !== "" && (singles || worksInFields(keys[a]))).map(
      (a): [string, string] => [t(`keys.${a}`), keys[a]],
    ),
    [t("keys.save"), "Mod+Enter"],
  ];
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
        {shown.map(([name, binding]) => (
          <div key={name} style={{ display: "flex", gap: 4, alignItems: "center" }}>
            <dt style={{ flex: 1 }}>{name}</dt>
            <dd style={{ display: "flex", gap: 3 }}>
              {keyLabels(binding, onMac).map((k) => (
                <Kbd key={k}>{k}</Kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
      <p className="meta" style={{ marginTop: 16 }}>
        {t("keys.change_hint")}
      </p>
    </Modal>
  );
}
