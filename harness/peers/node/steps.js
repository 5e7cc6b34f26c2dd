// What a client does in a call, step by step (`send`), while the responses are read beside it.

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

// The flag of grpc-js's `write`: its types have a name for it, which is not exported.
const NO_COMPRESS = 2;

// grpc-js drops what it has not handed to HTTP/2 when a call is cancelled, and tells nobody
// when it has: on loopback it takes milliseconds.
const HANDOVER_MS = 50;

/** The call cannot be made; the text says why. */
export class UnsupportedError extends Error {}

// What each step does, and what its value must be.
const STEPS = {
  message: {
    isValid: (value) => typeof value === "string",
    run: sendMessage,
  },
  wait_for_headers: {
    isValid: isTrue,
    run: (_step, _rpc, result) => result.until(() => result.hasBegun),
  },
  wait_for_messages: {
    isValid: isCount,
    run: ({ wait_for_messages: count }, _rpc, result) =>
      result.until(() => result.count >= count),
  },
  pause_ms: {
    isValid: isCount,
    run: ({ pause_ms: pauseMs }, _rpc, { signal }) =>
      sleep(pauseMs, undefined, { signal }),
  },
  half_close: {
    isValid: isTrue,
    run: (_step, rpc) => rpc.end(),
  },
  cancel: {
    isValid: isTrue,
    run: async (_step, rpc, { signal }) => {
      await sleep(HANDOVER_MS, undefined, { signal });
      rpc.cancel();
    },
  },
};

/**
 * The steps, with `request` in those that send a message: what `parse` makes of its bytes,
 * once, however often it is sent.
 */
export function readSteps(send, parse) {
  if (!Array.isArray(send)) {
    throw new UnsupportedError("`send` is no list of steps");
  }
  const steps = send.map((step) => readStep(step, parse));
  checkOrder(steps.map(({ kind }) => kind));
  return steps;
}

// A call that its steps do not end would last until its deadline.
function checkOrder(kinds) {
  const ends = kinds.filter(
    (kind) => kind === "half_close" || kind === "cancel",
  );
  if (ends.length === 0 || ends.at(-1) !== kinds.at(-1)) {
    throw new UnsupportedError(
      "`send` ends with neither a half_close nor a cancel",
    );
  }
  if (new Set(ends).size < ends.length) {
    throw new UnsupportedError("`send` has a second half_close or cancel");
  }
  const halfClose = kinds.indexOf("half_close");
  if (halfClose !== -1 && kinds.lastIndexOf("message") > halfClose) {
    throw new UnsupportedError("`send` has a message after its half_close");
  }
  if (ends[0] === "cancel" && ends.length > 1) {
    throw new UnsupportedError("`send` has a half_close after its cancel");
  }
}

function readStep(step, parse) {
  const kind = Object.keys(STEPS).find((name) => step?.[name] !== undefined);
  if (kind === undefined || !STEPS[kind].isValid(step[kind])) {
    throw new UnsupportedError(`no such step: ${JSON.stringify(step)}`);
  }
  if (kind !== "message") {
    return { ...step, kind };
  }
  const { message, times = 1, compressed = true } = step;
  if (!isCount(times)) {
    throw new UnsupportedError(`a message cannot be sent ${times} times`);
  }
  const flags = compressed ? 0 : NO_COMPRESS;
  return { kind, times, flags, request: parse(Buffer.from(message, "base64")) };
}

function isTrue(value) {
  return value === true;
}

function isCount(value) {
  return Number.isInteger(value) && value >= 0;
}

/** Whether the messages are what the call as a whole says of its compression. */
export function areOrdinary(steps) {
  return steps.every(({ flags = 0 }) => flags === 0);
}

/**
 * Whether the steps begin with a message and a half-close: with all that a method of one
 * request is given.
 */
export function isOneRequest([first, second]) {
  return (
    first.kind === "message" &&
    first.times === 1 &&
    second?.kind === "half_close"
  );
}

/** Runs one step after the other, and counts those that were done; ends with the call. */
export async function runSteps(steps, rpc, result) {
  try {
    for (const step of steps) {
      result.signal.throwIfAborted();
      await STEPS[step.kind].run(step, rpc, result);
      result.countStep();
    }
  } catch (error) {
    if (!result.signal.aborted) {
      throw error;
    }
  }
}

async function sendMessage({ request, times, flags }, rpc, { signal }) {
  for (let count = 0; count < times; count++) {
    if (!rpc.write(request, flags)) {
      await once(rpc, "drain", { signal });
    }
  }
}
