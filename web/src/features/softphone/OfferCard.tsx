import { IconPhone, IconPhoneIncoming, IconPhoneOff } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useDirectory } from "@/api/directory";
import { useWorkbench } from "@/app/workbench";
import { ariaKeys, keyLabels } from "@/features/palette/keymap";
import { onMac, useKeys } from "@/features/palette/keyStore";
import { useCaller } from "@/i18n/caller";
import { clock, languageName } from "@/i18n/format";
import { Avatar, Button, Tag } from "@/ui";
import { useNow } from "@/ui/hooks";
import { useProblemNotice } from "@/ui/problem";
import { showCall } from "./desktop";
import { ring } from "./ring";
import type { Offer } from "./state";
import { useSoftphone } from "./store";
import { usePerson } from "./usePerson";

/** An incoming call: floats over the page, moves nothing and blocks nothing. */
export function OfferCard() {
  const phone = useSoftphone((s) => s.phone);
  if (phone.phase !== "ringing") return null;
  return <Ringing key={phone.offer.offerId} offer={phone.offer} answering={phone.answering} />;
}

/** Accepts the ringing call and opens its conversation. */
export function useAnswer(): () => void {
  const { phone: controller } = useWorkbench();
  const navigate = useNavigate();
  const fail = useProblemNotice();
  return () => {
    const phone = useSoftphone.getState().phone;
    if (!controller || phone.phase !== "ringing") return;
    const { conversationId } = phone.offer;
    controller.accept().then(() => navigate(`/inbox/mine/${conversationId}`), fail);
  };
}

function Ringing({ offer, answering }: { offer: Offer; answering: boolean }) {
  const { t } = useTranslation();
  const { phone: controller, me } = useWorkbench();
  const mic = useSoftphone((s) => s.mic);
  const fail = useProblemNotice();
  const answer = useAnswer();
  const directory = useDirectory();
  const now = useNow(250);
  const [rejecting, setRejecting] = useState(false);
  const keys = useKeys((s) => s.keys);
  useEffect(() => ring(), []);
  const shown = useRef({ title: "", text: "" }); // filled below; the effect must run once per offer
  useEffect(() => showCall(offer.offerId, shown.current.title, shown.current.text), [offer.offerId]);

  const person = usePerson(offer.conversationId, offer.person);
  const left = Math.max(0, offer.expiresAt - now);
  const whole = Math.max(1, offer.expiresAt - offer.startedAt);
  const caller = useCaller();
  const name = caller.name(person.name, person.number);
  shown.current = {
    title: t(offer.askedBy ? "consult.offer" : "offer.title"),
    text: [name, directory.queue(offer.queueId) || offer.queueName].filter(Boolean).join(" · "),
  };
  const silent = !me.device_id && (mic === "denied" || mic === "missing" || mic === "insecure");
  const reject = () => {
    setRejecting(true);
    controller?.reject().catch((err) => {
      setRejecting(false);
      fail(err);
    });
  };
  return (
    <section
      className="offer"
      role="alertdialog"
      aria-modal="false"
      aria-label={t(offer.askedBy ? "consult.offer" : "offer.title")}
      data-offer={offer.offerId}
    >
      <div className="bar" aria-hidden="true">
        <div style={{ transform: `scaleX(${left / whole})` }} />
      </div>
      <div className="in">
        <div className="head">
          <IconPhoneIncoming size={17} aria-hidden="true" />
          {t(offer.askedBy ? "consult.offer" : "offer.title")}
          <span className="num" role="timer" aria-label={t("offer.countdown")}>
            {t("unit.seconds", { n: Math.ceil(left / 1000) })}
          </span>
        </div>
        {offer.askedBy && <p className="asked">{t("consult.asked_by", { name: offer.askedBy })}</p>}
        <div className="caller">
          <Avatar name={name} size="xl" />
          <div>
            <strong>
              {name}
              {person.vip && <Tag tone="warn">{t("customer.vip")}</Tag>}
            </strong>
            {person.name && <div className="num">{caller.number(person.number)}</div>}
            <div className="meta">
              {[
                directory.queue(offer.queueId) || offer.queueName,
                offer.language && languageName(offer.language),
              ]
                .filter(Boolean)
                .join(" · ")}
            </div>
            {offer.waitedMs >= 1000 && (
              <div className="meta num">{t("offer.waited", { time: clock(offer.waitedMs / 1000) })}</div>
            )}
          </div>
        </div>
        {offer.flowPath.length > 0 && (
          <div className="path">
            {t("offer.path")}
            {offer.flowPath.slice(-5).map((step, i) => (
              <span key={i}>{step}</span>
            ))}
          </div>
        )}
        {(person.note || offer.note) && <div className="meta">{person.note || offer.note}</div>}
        <div className="buttons">
          <Button kind="danger" onClick={reject} busy={rejecting} aria-keyshortcuts={ariaKeys(keys.reject)}>
            <IconPhoneOff size={17} aria-hidden="true" />
            {t("offer.reject")}
          </Button>
          <Button
            kind="ok"
            onClick={answer}
            busy={answering}
            reason={silent ? t(`mic.${mic}`) : undefined}
            aria-keyshortcuts={ariaKeys(keys.answer)}
          >
            <IconPhone size={17} aria-hidden="true" />
            {t(answering ? "offer.answering" : "offer.accept")}
          </Button>
        </div>
        {silent ? (
          <p className="why">{t(`mic.${mic}`)}</p>
        ) : (
          keys.answer &&
          keys.reject && (
            <p className="hint">
              {t("offer.hint", {
                accept: keyLabels(keys.answer, onMac).join("+"),
                reject: keyLabels(keys.reject, onMac).join("+"),
              })}
            </p>
          )
        )}
      </div>
    </section>
  );
}
