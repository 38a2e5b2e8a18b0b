/** Only a path of this site may follow a log-in. */
export function safePath(to: string | null): string {
  return to?.startsWith("/") && !to.startsWith("//") && !to.startsWith("/\\") ? to : "/inbox";
}
