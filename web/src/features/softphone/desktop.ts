// Notices of the computer: an agent who looks at another window hears the ring
// but sees no card.

const possible = () => typeof Notification === "function";

/** Asks for the right to show them. Browsers answer only to a click. */
export function askForNotices(): void {
  if (possible() && Notification.permission === "default")
    void Notification.requestPermission().catch(() => undefined); // no: the page still rings
}

/** Whether the person looks elsewhere. */
function away(): boolean {
  return document.hidden || !document.hasFocus();
}

/**
 * Shows a call outside of the page while somebody looks elsewhere, now or later
 * while it rings. A click on it brings the page forward. The returned function
 * takes it away.
 */
export function showCall(id: string, title: string, text: string): () => void {
  let shown: Notification | undefined;
  const show = () => {
    if (shown || !possible() || Notification.permission !== "granted" || !away()) return;
    try {
      shown = new Notification(title, { body: text, tag: id, requireInteraction: true });
    } catch {
      return; // phones allow it to service workers only
    }
    shown.onclick = () => {
      window.focus();
      shown?.close();
    };
  };
  show();
  document.addEventListener("visibilitychange", show);
  addEventListener("blur", show);
  return () => {
    document.removeEventListener("visibilitychange", show);
    removeEventListener("blur", show);
    shown?.close();
  };
}
