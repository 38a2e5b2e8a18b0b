// A name for this browser tab that survives its reload but not its duplication:
// it leaves sessionStorage while the page lives and returns when it goes.

const STORED = "hotline.tab";

function newName(): string {
  // crypto.randomUUID exists on https only; this serves plain http too.
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(16).padStart(2, "0")).join(
    "",
  );
}

let name: string | undefined;

export function tabName(): string {
  if (name) return name;
  const mine = sessionStorage.getItem(STORED) ?? newName();
  name = mine;
  sessionStorage.removeItem(STORED);
  addEventListener("pagehide", () => sessionStorage.setItem(STORED, mine));
  addEventListener("pageshow", () => sessionStorage.removeItem(STORED));
  return mine;
}
