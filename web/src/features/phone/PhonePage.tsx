import { TextInput } from "@mantine/core";
import {
  IconAlertCircle,
  IconLock,
  IconMicrophone,
  IconPhone,
  IconPhoneOff,
  IconVolume,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useEffect, useReducer, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { api } from "@/api/client";
import { useSecureAddress } from "@/api/system";
import { useTitle } from "@/app/workbench";
import { Keypad } from "@/features/softphone/Keypad";
import { type MicState, microphonePossible } from "@/features/softphone/microphone";
import { currentLanguage } from "@/i18n";
import { clock } from "@/i18n/format";
import { Button, Dot } from "@/ui";
import { useNow } from "@/ui/hooks";
import { LanguageSwitch } from "@/ui/LanguageSwitch";
import { TestLine } from "./line";
import { dialable, reduceTest, type Source, type TestCall } from "./state";
import "./phone.css";

interface PhoneInfo {
  open?: boolean;
  numbers?: { number: string; description?: string; name?: string }[];
  ice_servers?: RTCIceServer[];
}

/**
 * A customer's telephone in the browser: in the demo it tries every number of the
 * installation; with a token it is what the firm's customers see.
 */
export default function PhonePage() {
  const { t, i18n } = useTranslation();
  const [params] = useSearchParams();
  const customers = params.has("token");
  const title = t(customers ? "phone.customer_title" : "phone.title");
  useTitle(title);
  const secure = useSecureAddress();
  const [call, dispatch] = useReducer(reduceTest, { phase: "idle" });
  const [typed, setNumber] = useState(params.get("number") ?? undefined);
  const [source, setSource] = useState<Source>(customers || microphonePossible() ? "microphone" : "sample");
  const [mic, setMic] = useState<MicState>("unknown");
  const audio = useRef<HTMLAudioElement>(null);
  const line = useRef<TestLine>(undefined);
  const info = useQuery({
    queryKey: ["phone"],
    queryFn: () => api.get<PhoneInfo>("/phone", { token: params.get("token") }),
    retry: false,
  }).data;
  const chips = info?.numbers ?? [];
  const number = typed ?? chips[0]?.number ?? "";

  useEffect(() => {
    const hangUp = () => line.current?.close();
    addEventListener("pagehide", hangUp);
    return () => {
      removeEventListener("pagehide", hangUp);
      hangUp();
    };
  }, []);

  const busy = call.phase === "dialling" || call.phase === "ringing" || call.phase === "talking";
  const target = dialable(number);
  const reason =
    info?.open === false
      ? t(customers ? "phone.expired" : "phone.closed")
      : target === undefined
        ? t("phone.number_reason")
        : source === "microphone" && !microphonePossible()
          ? t("mic.insecure")
          : undefined;
  const dial = (e?: FormEvent) => {
    e?.preventDefault();
    if (!audio.current || target === undefined || reason !== undefined || busy) return;
    line.current?.close();
    line.current = new TestLine(audio.current, { dispatch, onMicrophone: setMic }, info?.ice_servers);
    void line.current.dial(target, currentLanguage(), source);
  };
  return (
    <main className="phone-page" data-phase={call.phase}>
      <header className="phone-top">
        {customers ? (
          <img className="logo" src="/icon.svg" alt="" />
        ) : (
          <a href="/" aria-label={t("app.home")}>
            <img className="logo" src="/icon.svg" alt="" />
          </a>
        )}
        <LanguageSwitch />
      </header>
      <div className="phone-card">
        <h1>{title}</h1>
        <p className="sub">{t(customers ? "phone.customer_sub" : "phone.sub")}</p>
        {info?.open === false && (
          <div className="notice" data-tone="warn" role="status">
            <IconLock size={18} aria-hidden="true" />
            <div className="grow">{reason}</div>
          </div>
        )}
        {!microphonePossible() && (
          <div className="notice" data-tone="warn" role="status">
            <IconLock size={18} aria-hidden="true" />
            <div className="grow">{t("mic.insecure")}</div>
            <a className="btn" data-size="sm" href={secure}>
              {t("mic.open_secure")}
            </a>
          </div>
        )}
        <form onSubmit={dial} className="phone-dial">
          <TextInput
            size="lg"
            label={t("phone.number")}
            value={number}
            onChange={(e) => setNumber(e.currentTarget.value)}
            inputMode="tel"
            autoComplete="off"
            readOnly={busy || customers}
            classNames={{ input: "phone-number num" }}
          />
          {chips.length > 1 && (
            <div className="phone-chips" role="group" aria-label={t("phone.chips")}>
              {chips.map((c) => (
                <button
                  key={c.number}
                  type="button"
                  className="chip num"
                  aria-pressed={number === c.number}
                  onClick={() => !busy && setNumber(c.number)}
                >
                  {c.number}
                  <small>
                    {i18n.exists(`phone.demo.${c.number}`)
                      ? t(`phone.demo.${c.number}`)
                      : c.description || ""}
                  </small>
                </button>
              ))}
            </div>
          )}
          {!customers && (
            <fieldset className="phone-source" disabled={busy}>
              <legend>{t("phone.source")}</legend>
              <SourceChoice
                value="microphone"
                now={source}
                set={setSource}
                icon={<IconMicrophone size={18} aria-hidden="true" />}
                hint={t("phone.microphone_hint")}
              />
              <SourceChoice
                value="sample"
                now={source}
                set={setSource}
                icon={<IconVolume size={18} aria-hidden="true" />}
                hint={t("phone.sample_hint")}
              />
            </fieldset>
          )}
          <Status call={call} mic={mic} />
          {/* Keys: one element that turned into the other would submit on hanging up. */}
          {busy ? (
            <Button key="end" kind="bad" size="lg" onClick={() => line.current?.hangUp()}>
              <IconPhoneOff size={20} aria-hidden="true" />
              {t("phone.hang_up")}
            </Button>
          ) : (
            <Button key="call" kind="ok" size="lg" type="submit" reason={reason}>
              <IconPhone size={20} aria-hidden="true" />
              {t("phone.call")}
            </Button>
          )}
        </form>
        <Keypad
          echo={false}
          onKey={(k) => {
            if (call.phase === "talking") line.current?.key(k);
            else if (!busy && !customers) setNumber(number + k);
          }}
        />
      </div>
      {/* What the customer hears. */}
      <audio ref={audio} autoPlay data-remote-audio="customer" hidden />
    </main>
  );
}

function SourceChoice({
  value,
  now,
  set,
  icon,
  hint,
}: {
  value: Source;
  now: Source;
  set: (s: Source) => void;
  icon: React.ReactNode;
  hint: string;
}) {
  const { t } = useTranslation();
  return (
    <label className="source" data-on={now === value || undefined}>
      <input type="radio" name="source" value={value} checked={now === value} onChange={() => set(value)} />
      {icon}
      <span>
        <strong>{t(`phone.${value}`)}</strong>
        <small>{hint}</small>
      </span>
    </label>
  );
}

function Status({ call, mic }: { call: TestCall; mic: MicState }) {
  const { t, i18n } = useTranslation();
  const now = useNow();
  const reason = (code: string) => (i18n.exists(`reason.${code}`) ? t(`reason.${code}`) : t("phone.ended"));
  const problem = (code: string) => {
    for (const group of ["mic", "phone.problem", "problem"])
      if (i18n.exists(`${group}.${code}`)) return t(`${group}.${code}`);
    return t("problem.internal");
  };
  return (
    <div className="phone-status" role="status" data-phase={call.phase}>
      {call.phase === "idle" && !call.ended && (
        <span>{t(mic === "asking" ? "mic.asking" : "phone.ready")}</span>
      )}
      {call.phase === "idle" && call.ended && (
        <span>
          {t("phone.ended")} · {reason(call.ended.reason)}{" "}
          {call.ended.seconds > 0 && <span className="num">({clock(call.ended.seconds)})</span>}
        </span>
      )}
      {call.phase === "dialling" && (
        <>
          <Dot tone="accent" live /> {t("phone.dialling", { number: call.number })}
        </>
      )}
      {call.phase === "ringing" && (
        <>
          <Dot tone="accent" live /> {t("phone.ringing", { number: call.number })}
        </>
      )}
      {call.phase === "talking" && (
        <>
          <Dot tone="ok" live /> {t("phone.talking", { number: call.number })}
          <span role="timer" className="num" aria-label={t("call.duration")}>
            {clock((now - call.since) / 1000)}
          </span>
          {call.keys && <span className="num keys">{call.keys}</span>}
        </>
      )}
      {call.phase === "failed" && (
        <span className="bad">
          <IconAlertCircle size={16} aria-hidden="true" /> {problem(call.code)}
        </span>
      )}
    </div>
  );
}
