import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { ApiError } from "./problem";

/** A session that ended anywhere ends everywhere: the frame then shows the log-in. */
function onError(err: unknown): void {
  if (err instanceof ApiError && err.code === "unauthenticated") queryClient.setQueryData(["me"], null);
}

/** Server data: live events keep it fresh, so it is not fetched on every focus. */
export const queryClient = new QueryClient({
  queryCache: new QueryCache({ onError }),
  mutationCache: new MutationCache({ onError }),
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      refetchOnWindowFocus: false,
      retry: (count, err) => {
        const status = err instanceof ApiError ? err.status : 0;
        return count < 2 && (status === 0 || status >= 500);
      },
    },
    mutations: { retry: false },
  },
});
