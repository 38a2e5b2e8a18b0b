import type { QueryClient } from "@tanstack/react-query";
import { DRAFTS } from "@/features/admin/draft";
import { usePresence } from "@/features/presence/store";
import { releaseMicrophone } from "@/features/softphone/microphone";
import { useSoftphone } from "@/features/softphone/store";

/** What a log-out leaves of a person in this tab: nothing. */
export function forgetPerson(client: QueryClient): void {
  releaseMicrophone();
  useSoftphone.getState().forget();
  usePresence.setState(usePresence.getInitialState(), true);
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(DRAFTS)) sessionStorage.removeItem(key);
  client.clear();
}
