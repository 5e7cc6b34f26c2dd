// Waiting that ends with the call.

import { setTimeout as sleep } from "node:timers/promises";

/** Waits so long, or fails as the call does meanwhile. */
export async function delay(delayMs, signal) {
  if (delayMs > 0) {
    await sleep(delayMs, undefined, { signal }).catch(() =>
      signal.throwIfAborted(),
    );
  }
}
