/** The pages below /admin, in the order of the menu. */
export const ADMIN_SECTIONS = [
  "users",
  "teams",
  "agents",
  "queues",
  "lines",
  "devices",
  "numbers",
  "flows",
  "hours",
  "breaks",
  "wrapup-codes",
  "tokens",
  "erasures",
  "audit",
] as const;
export type AdminSection = (typeof ADMIN_SECTIONS)[number];
