import {
  IconDownload,
  IconFileAlert,
  IconPlayerPauseFilled,
  IconPlayerPlayFilled,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type WaveSurfer from "wavesurfer.js";
import { api, apiUrl } from "@/api/client";
import type { Peaks, Recording } from "@/api/types";
import { bytes, clock, dateTime, day, hasTime } from "@/i18n/format";
import { IconButton, Notice, Tag } from "@/ui";
import { LegalHold } from "./LegalHold";

const SPEEDS = [1, 1.25, 1.5, 2];

/** A recording: to be played, or why there is nothing to play. */
export function RecordingPlayer({ recording }: { recording: Recording }) {
  const { t } = useTranslation();
  if (recording.state !== "failed" || recording.duration_ms > 0) return <Player recording={recording} />;
  return (
    <section className="card player" aria-label={t("recording.title")}>
      <header>
        <Title recording={recording} />
      </header>
      <div className="body">
        <Failure recording={recording} />
      </div>
    </section>
  );
}

function Title({ recording }: { recording: Recording }) {
  const { t } = useTranslation();
  const size = recording.bytes > 0 ? bytes(recording.bytes) : "";
  return (
    <>
      <h2>{t(recording.kind === "voicemail" ? "recording.voicemail" : "recording.title")}</h2>
      {recording.state === "running" && <Tag tone="bad">{t("recording.running")}</Tag>}
      {recording.state === "failed" && <Tag tone="bad">{t("recording.incomplete")}</Tag>}
      {recording.legal_hold && <Tag tone="warn">{t("recording.held")}</Tag>}
      <span className="meta num">{[dateTime(recording.started_at), size].filter(Boolean).join(" · ")}</span>
    </>
  );
}

/** Why a recording is incomplete, and what was kept of it. */
function Failure({ recording }: { recording: Recording }) {
  const { t } = useTranslation();
  const kept = clock(recording.duration_ms / 1000);
  return (
    <div className="failure">
      <Notice tone="bad" icon={IconFileAlert}>
        {t(`recording.failure.${recording.failure ?? "write_error"}`)}{" "}
        {recording.duration_ms > 0 ? t("recording.kept", { kept }) : t("recording.kept_nothing")}
      </Notice>
    </div>
  );
}

/** Plays a recording: caller above, agent below. Sound comes in ranges, the waveform from the server. */
function Player({ recording }: { recording: Recording }) {
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  const audio = useRef<HTMLAudioElement>(null);
  const wave = useRef<WaveSurfer>(undefined);
  const [playing, setPlaying] = useState(false);
  const [at, setAt] = useState(0);
  const [speed, setSpeed] = useState(1);
  const [failed, setFailed] = useState(false);
  const src = apiUrl(`/recordings/${recording.id}/audio`);
  const peaks = useQuery({
    queryKey: ["peaks", recording.id, recording.bytes],
    queryFn: () => api.get<Peaks>(`/recordings/${recording.id}/peaks`, { steps: 900 }),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const total = (recording.duration_ms || peaks.data?.duration_ms || 0) / 1000;

  useEffect(() => {
    const data = peaks.data;
    if (!data || !box.current || !audio.current) return;
    let gone = false;
    const [el, media] = [box.current, audio.current];
    void import("wavesurfer.js").then(({ default: WaveSurfer }) => {
      if (gone) return;
      const css = getComputedStyle(el);
      const color = (name: string) => css.getPropertyValue(name).trim();
      wave.current = WaveSurfer.create({
        container: el,
        media,
        peaks: [data.left, data.right],
        duration: data.duration_ms / 1000,
        height: 40,
        normalize: true, // a quiet call is to be seen, too
        barHeight: 0.88,
        barWidth: 2,
        barGap: 1,
        barRadius: 2,
        cursorColor: color("--ink"),
        splitChannels: [
          { waveColor: color("--line-3"), progressColor: color("--ok") },
          { waveColor: color("--line-3"), progressColor: color("--accent") },
        ],
      });
    });
    return () => {
      gone = true;
      wave.current?.destroy();
      wave.current = undefined;
    };
  }, [peaks.data]);

  const toggle = () => {
    const el = audio.current;
    if (!el) return;
    if (el.paused) void el.play().catch(() => setFailed(true));
    else el.pause();
  };
  return (
    <section className="card player" aria-label={t("recording.title")}>
      <header>
        <Title recording={recording} />
        <a
          className="icon-button"
          href={src}
          download={`${recording.id}.wav`}
          aria-label={t("recording.download")}
        >
          <IconDownload size={18} stroke={1.6} aria-hidden="true" />
        </a>
      </header>
      <div className="body">
        {recording.state === "failed" && <Failure recording={recording} />}
        <div className="wave-labels" aria-hidden="true">
          <span>{t("party.customer")}</span>
          <span>{t("party.agent")}</span>
        </div>
        <div className="wave" ref={box} aria-hidden="true" />
        <div className="controls">
          <IconButton
            label={t(playing ? "recording.pause" : "recording.play")}
            icon={playing ? IconPlayerPauseFilled : IconPlayerPlayFilled}
            onClick={toggle}
          />
          <span className="num">
            {clock(at)} / {clock(total)}
          </span>
          <input
            type="range"
            min={0}
            max={Math.max(0.1, total)}
            step={0.1}
            value={Math.min(at, total)}
            aria-label={t("recording.position")}
            aria-valuetext={`${clock(at)} / ${clock(total)}`}
            onChange={(e) => {
              if (audio.current) audio.current.currentTime = Number(e.currentTarget.value);
            }}
          />
          <button
            type="button"
            className="btn"
            data-size="sm"
            aria-label={t("recording.speed", { n: speed })}
            onClick={() => {
              const next = SPEEDS[(SPEEDS.indexOf(speed) + 1) % SPEEDS.length] ?? 1;
              setSpeed(next);
              if (audio.current) audio.current.playbackRate = next;
            }}
          >
            {speed}×
          </button>
        </div>
        {recording.state !== "running" && (
          <div className="keeping">
            {!recording.legal_hold && hasTime(recording.delete_after) && (
              <p className="meta">{t("recording.until", { time: day(recording.delete_after) })}</p>
            )}
            <LegalHold recording={recording} />
          </div>
        )}
        {failed && (
          <p role="alert" style={{ color: "var(--bad)" }}>
            {t("recording.failed")}
          </p>
        )}
      </div>
      <audio
        ref={audio}
        src={src}
        preload="metadata"
        onPlay={() => setPlaying(true)}
        onPause={() => setPlaying(false)}
        onTimeUpdate={(e) => setAt(e.currentTarget.currentTime)}
        onError={() => setFailed(true)}
        hidden
      />
    </section>
  );
}
