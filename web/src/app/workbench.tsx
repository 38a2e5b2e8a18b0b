import { useQueryClient } from "@tanstack/react-query";
import {
  createContext,
  type ReactNode,
  useContext,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { useTranslation } from "react-i18next";
import type { Me } from "@/api/types";
import { readPresence, usePresence } from "@/features/presence/store";
import { SoftphoneController } from "@/features/softphone/controller";
import type { Person } from "@/features/softphone/state";
import { useSoftphone } from "@/features/softphone/store";
import { SupervisionController } from "@/features/supervision/controller";
import { useSupervision } from "@/features/supervision/store";
import { useCaller } from "@/i18n/caller";
import { Staleness } from "@/live/cache";
import { LiveSocket } from "@/live/socket";
import { useLive } from "@/live/store";
import { notify } from "@/ui/notify";

interface Workbench {
  me: Me;
  /** Absent for users who are not agents. */
  phone: SoftphoneController | undefined;
  /** Lets supervisors listen; there once the page is connected. */
  supervision: SupervisionController | undefined;
  takeSoftphone(): void;
}

const Context = createContext<Workbench | undefined>(undefined);

export function useWorkbench(): Workbench {
  const w = useContext(Context);
  if (!w) throw new Error("useWorkbench outside of a logged-in page");
  return w;
}

/** Everything a logged-in page keeps open: the socket, the softphone, the tab's role. */
export function WorkbenchProvider({ me, children }: { me: Me; children: ReactNode }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const audio = useRef<HTMLAudioElement>(null);
  const ear = useRef<HTMLAudioElement>(null);
  const [phone, setPhone] = useState<SoftphoneController>();
  const shown = useCaller();
  const caller = useRef<(p: Person) => string>(() => "");
  caller.current = (p) => shown.name(p.name, p.number);
  const [supervision, setSupervision] = useState<SupervisionController>();
  const unheard = useRef<(reason: string) => void>(() => undefined);
  unheard.current = (reason) =>
    notify({ color: "blue", title: t("supervise.ended"), message: t(`supervise.why.${reason}`) });
  const missed = useRef<(name: string) => void>(() => undefined);
  missed.current = (name) =>
    notify({ color: "orange", title: t("offer.missed_title"), message: name, autoClose: 15_000 });
  const consulted = useRef<(name: string, reason: string) => void>(() => undefined);
  consulted.current = (name, reason) => {
    if (reason === "canceled" || reason === "over") return; // the agent's own doing
    notify({
      color: "orange",
      title: t(`consult.why.${reason}`, { name, defaultValue: t("consult.why.failed", { name }) }),
      message: t("consult.back_with_customer"),
      autoClose: 15_000,
    });
  };
  const served = useRef<(name: string, outcome: string) => void>(() => undefined);
  served.current = (name, outcome) => {
    if (outcome === "taken_back" || outcome === "over") return; // the agent's own doing
    notify({
      color: outcome === "done" ? "green" : "orange",
      title: t(`consult.flow_ended.${outcome}`, { name }),
      message: t("consult.customer_came_back"),
      autoClose: 15_000,
    });
  };
  const newMicrophone = useRef<(name: string) => void>(() => undefined);
  newMicrophone.current = (name) =>
    notify({ color: "orange", title: t("mic.changed"), message: name, autoClose: 15_000 });
  const ice = useRef(me.ice_servers); // read when a call opens: a renewed credential restarts nothing
  ice.current = me.ice_servers;
  const { agent_id: agentId, device_id: deviceId } = me;

  useLayoutEffect(() => useSoftphone.getState().adopt(me.id), [me.id]);

  useEffect(() => {
    if (!audio.current || !ear.current) return;
    const stale = new Staleness(client);
    const controller = agentId
      ? new SoftphoneController({
          send: (type, data) => socket.send(type, data),
          audio: audio.current,
          agentId,
          deskPhone: !!deviceId,
          onMissed: (p) => missed.current(p.phase === "ringing" ? caller.current(p.offer.person) : ""),
          onConsultEnded: (name, reason) => consulted.current(name, reason),
          onFlowEnded: (name, outcome) => served.current(name, outcome),
          onMicrophoneChanged: (name) => newMicrophone.current(name),
          iceServers: () => ice.current,
        })
      : undefined;
    const listening = new SupervisionController({
      send: (type, data) => socket.send(type, data),
      audio: ear.current,
      phone: controller,
      iceServers: () => ice.current,
      onEnded: (reason) => unheard.current(reason),
    });
    // One pair of ears: whoever talks does not listen to another call.
    const stopWatching = useSoftphone.subscribe(({ phone: p }) => {
      const e = useSupervision.getState().ear;
      if (p.phase === "talking" && e.phase === "on" && e.conversationId !== p.conversationId)
        void listening.leave().catch(() => undefined);
    });
    let open = false;
    const socket = new LiveSocket("/api/v1/live", {
      onStep: ({ state, event, refetch }) => {
        const store = useLive.getState();
        if (store.status !== state.status || store.lostAt !== state.lostAt)
          store.set(state.status, state.lostAt);
        if (refetch) stale.everything();
        if (event) {
          stale.event(event);
          controller?.onEvent(event);
          if (event.type === "agent.presence_changed" && event.agent_id === agentId)
            learnPresence(event.data, event.ts);
        }
        if (state.status === "open" && !open) controller?.onOpen();
        if (state.status !== "open" && open) listening.onLost();
        open = state.status === "open";
      },
      onMessage: (m) => {
        if (m.type === "presence") learnPresence(m.data, m.ts ?? "");
        listening.onMessage(m);
        controller?.onMessage(m);
      },
      onRefused: () => void client.invalidateQueries({ queryKey: ["me"] }),
    });
    void controller?.prepareMicrophone();
    setPhone(controller);
    setSupervision(listening);
    return () => {
      stopWatching();
      listening.close();
      controller?.close();
      socket.close();
    };
  }, [client, agentId, deviceId]);

  const value = useMemo(
    () => ({ me, phone, supervision, takeSoftphone: () => phone?.take() }),
    [me, phone, supervision],
  );
  return (
    <Context.Provider value={value}>
      {/* The caller's voice. Captions of live speech come from the transcript. */}
      <audio ref={audio} autoPlay data-remote-audio="agent" hidden />
      <audio ref={ear} autoPlay data-remote-audio="supervisor" hidden />
      {children}
    </Context.Provider>
  );
}

function learnPresence(data: unknown, ts: string): void {
  const presence = readPresence(data, ts);
  if (presence) usePresence.getState().set(presence);
}

/** The title of the browser's tab: a ringing call must be seen from another tab. */
export function useTitle(title: string): void {
  const { t } = useTranslation();
  const ringing = useSoftphone((s) => s.phone.phase === "ringing");
  useEffect(() => {
    document.title = ringing ? `● ${t("offer.title")}` : `${title} · Hotline`;
  }, [title, ringing, t]);
}
