import {
  PasswordInput,
  SegmentedControl,
  Select,
  Switch,
  TextInput,
  useMantineColorScheme,
} from "@mantine/core";
import { IconMicrophone, IconVolume } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useCallback, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { fieldFaults } from "@/api/problem";
import { useSecureAddress } from "@/api/system";
import { useTitle, useWorkbench } from "@/app/workbench";
import {
  chooseInput,
  chooseOutput,
  chosenInput,
  chosenOutput,
  type MicState,
  micStateOf,
  openMicrophone,
  rawAudio,
  setRawAudio,
} from "@/features/softphone/microphone";
import { useSoftphone } from "@/features/softphone/store";
import { currentLanguage, LANGUAGE_NAMES, LANGUAGES, type Language, setLanguage } from "@/i18n";
import { Button, Card, PageHead } from "@/ui";
import { notify } from "@/ui/notify";
import { useFaultText, useProblemNotice, useProblemText } from "@/ui/problem";
import { Shortcuts } from "./Shortcuts";
import "./settings.css";

/** What one person sets for themselves. */
export default function SettingsPage() {
  const { t } = useTranslation();
  useTitle(t("nav.settings"));
  return (
    <div className="page">
      <PageHead title={t("nav.settings")} />
      <div className="page-body settings">
        <Appearance />
        <Sound />
        <Shortcuts />
        <Account />
        <Password />
      </div>
    </div>
  );
}

function Appearance() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const fail = useProblemNotice();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const choose = async (language: Language) => {
    await setLanguage(language);
    await api.patch("/me", { language }).then(() => client.invalidateQueries({ queryKey: ["me"] }), fail);
  };
  return (
    <Card title={t("settings.appearance")}>
      <div className="stack">
        <Select
          label={t("settings.language")}
          data={LANGUAGES.map((l) => ({ value: l, label: LANGUAGE_NAMES[l] }))}
          value={currentLanguage()}
          onChange={(v) => void choose(v as Language)}
        />
        <div>
          <div className="group-label">{t("settings.theme")}</div>
          <SegmentedControl
            fullWidth
            aria-label={t("settings.theme")}
            value={colorScheme}
            onChange={(v) => setColorScheme(v as "light" | "dark" | "auto")}
            data={(["light", "dark", "auto"] as const).map((v) => ({
              value: v,
              label: t(`settings.themes.${v}`),
            }))}
          />
        </div>
      </div>
    </Card>
  );
}

function Sound() {
  const { t } = useTranslation();
  const inCall = useSoftphone((s) => s.phone.phase === "talking");
  const secure = useSecureAddress();
  const [mic, setMic] = useState<MicState>("unknown");
  const [devices, setDevices] = useState<MediaDeviceInfo[]>([]);
  const [input, setInput] = useState(chosenInput());
  const [output, setOutput] = useState(chosenOutput());
  const [raw, setRaw] = useState(rawAudio());
  const [testing, setTesting] = useState(false);

  const list = useCallback(() => {
    void navigator.mediaDevices?.enumerateDevices().then(setDevices);
  }, []);
  useEffect(() => {
    list();
    navigator.mediaDevices?.addEventListener("devicechange", list);
    return () => navigator.mediaDevices?.removeEventListener("devicechange", list);
  }, [list]);

  const choices = (kind: MediaDeviceKind) =>
    devices
      .filter((d) => d.kind === kind && d.deviceId)
      .map((d, i) => ({ value: d.deviceId, label: d.label || t("settings.device", { n: i + 1 }) }));
  const busy = inCall ? t("settings.in_call") : undefined;
  const start = async () => {
    if (testing) {
      setTesting(false);
      return;
    }
    try {
      await openMicrophone();
      setMic("ready");
      useSoftphone.getState().setMic("ready");
      setTesting(true);
      list();
    } catch (err) {
      setMic(micStateOf(err));
    }
  };
  return (
    <Card title={t("settings.sound")}>
      <div className="stack">
        <Select
          label={t("settings.microphone")}
          placeholder={t("settings.default_device")}
          clearable
          disabled={inCall}
          data={choices("audioinput")}
          value={input || null}
          onChange={(v) => {
            setInput(v ?? "");
            setTesting(false);
            chooseInput(v ?? "");
          }}
        />
        <Select
          label={t("settings.speaker")}
          placeholder={t("settings.default_device")}
          clearable
          data={choices("audiooutput")}
          value={output || null}
          onChange={(v) => {
            setOutput(v ?? "");
            chooseOutput(v ?? "");
          }}
        />
        <div className="test-row">
          <Button onClick={() => void start()} reason={busy}>
            <IconMicrophone size={16} aria-hidden="true" />
            {t(testing ? "settings.stop_test" : "settings.test_microphone")}
          </Button>
          <Button onClick={() => void testSpeaker(output)}>
            <IconVolume size={16} aria-hidden="true" />
            {t("settings.test_speaker")}
          </Button>
        </div>
        <Level on={testing} />
        {(mic === "denied" || mic === "missing" || mic === "insecure") && (
          <p role="alert" style={{ color: "var(--bad)" }}>
            {t(`mic.${mic}`)} {mic === "insecure" && <a href={secure}>{t("mic.open_secure")}</a>}
          </p>
        )}
        <Switch
          label={t("settings.clean")}
          description={t("settings.clean_hint")}
          disabled={inCall}
          checked={!raw}
          onChange={(e) => {
            setRaw(!e.currentTarget.checked);
            setRawAudio(!e.currentTarget.checked);
          }}
        />
      </div>
    </Card>
  );
}

/** How loud the microphone is, twenty times a second. */
function Level({ on }: { on: boolean }) {
  const { t } = useTranslation();
  const bar = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!on) return;
    let stop: (() => void) | undefined;
    let gone = false;
    void openMicrophone().then((stream) => {
      if (gone) return;
      const context = new AudioContext();
      const analyser = context.createAnalyser();
      context.createMediaStreamSource(stream).connect(analyser);
      const samples = new Float32Array(analyser.fftSize);
      const id = setInterval(() => {
        analyser.getFloatTimeDomainData(samples);
        const rms = Math.sqrt(samples.reduce((a, x) => a + x * x, 0) / samples.length);
        const level = Math.max(0, Math.min(1, (20 * Math.log10(rms + 1e-6) + 60) / 55));
        if (bar.current) bar.current.style.transform = `scaleX(${level})`;
      }, 50);
      stop = () => {
        clearInterval(id);
        void context.close();
      };
    });
    return () => {
      gone = true;
      stop?.();
    };
  }, [on]);
  return (
    <div className="level" role="img" aria-label={t(on ? "settings.level" : "settings.level_off")}>
      <div ref={bar} style={{ transform: "scaleX(0)" }} />
    </div>
  );
}

async function testSpeaker(output: string): Promise<void> {
  const audio = new Audio(`/sounds/sample-${currentLanguage()}.wav`);
  if (output && "setSinkId" in audio) await audio.setSinkId(output).catch(() => undefined); // unplugged: the default plays
  await audio.play().catch(() => undefined);
}

function Account() {
  const { t } = useTranslation();
  const { me } = useWorkbench();
  const client = useQueryClient();
  const fail = useProblemNotice();
  const [name, setName] = useState(me.name);
  const save = useMutation({
    mutationFn: () => api.patch("/me", { name: name.trim() }),
    onError: fail,
    onSuccess: async () => {
      notify({ message: t("state.saved") });
      await client.invalidateQueries({ queryKey: ["me"] });
    },
  });
  const reason =
    name.trim() === "" ? t("fault.required") : name.trim() === me.name ? t("form.unchanged") : undefined;
  return (
    <Card title={t("settings.account")}>
      <form
        className="stack"
        onSubmit={(e) => {
          e.preventDefault();
          if (!reason) save.mutate();
        }}
      >
        <TextInput label={t("field.email")} value={me.email} readOnly />
        <TextInput
          label={t("field.name")}
          value={name}
          maxLength={100}
          onChange={(e) => setName(e.currentTarget.value)}
          autoComplete="name"
        />
        <Button type="submit" kind="primary" busy={save.isPending} reason={reason}>
          {t("action.save")}
        </Button>
      </form>
    </Card>
  );
}

function Password() {
  const { t } = useTranslation();
  const { me } = useWorkbench();
  const text = useProblemText();
  const faultText = useFaultText();
  const [old, setOld] = useState("");
  const [fresh, setFresh] = useState("");
  const save = useMutation({
    mutationFn: () => api.patch("/me", { old_password: old, password: fresh }),
    onSuccess: () => {
      setOld("");
      setFresh("");
      notify({ message: t("settings.password_changed") });
    },
  });
  const faults = fieldFaults(save.error);
  const show = { "aria-label": t("login.show_password") };
  const error = (key: string) => {
    const f = faults[key];
    return f && faultText(f);
  };
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (old && fresh) save.mutate();
  };
  return (
    <Card title={t("settings.password")}>
      <form className="stack" onSubmit={submit}>
        <input type="text" autoComplete="username" value={me.email} readOnly hidden />
        <PasswordInput
          label={t("settings.old_password")}
          autoComplete="current-password"
          value={old}
          onChange={(e) => setOld(e.currentTarget.value)}
          error={error("old_password")}
          visibilityToggleButtonProps={show}
        />
        <PasswordInput
          label={t("settings.new_password")}
          description={t("settings.password_rule")}
          autoComplete="new-password"
          value={fresh}
          onChange={(e) => setFresh(e.currentTarget.value)}
          error={error("password")}
          visibilityToggleButtonProps={show}
        />
        {save.error && Object.keys(faults).length === 0 && (
          <p role="alert" style={{ color: "var(--bad)" }}>
            {text(save.error)}
          </p>
        )}
        <Button
          type="submit"
          kind="primary"
          busy={save.isPending}
          reason={old && fresh ? undefined : t("settings.both_passwords")}
        >
          {t("settings.change_password")}
        </Button>
      </form>
    </Card>
  );
}
