// The entries of a request's metadata that direct how the server answers, apart from any
// library: names and values in, what they ask for out.

// One more than the last code that gRPC knows.
const MAXIMUM_CODE = 17;
// As long as a call's deadline may be.
const MAXIMUM_DELAY_MS = 24 * 60 * 60 * 1000;
const MAXIMUM_SIZE_BYTES = 64 * 2 ** 20;

// The field's number, 1000, and its wire type, length-delimited.
const PADDING_TAG = [0xc2, 0x3e];

/** An entry makes no sense; the text names it. */
export class DirectionError extends Error {}

/**
 * What the entries ask for; of one that is there several times, the last counts.
 *
 * @param {[string, string | Buffer][]} entries
 */
export function readDirections(entries) {
  const last = new Map(entries);
  const code = number(last, "x-crosswire-status", MAXIMUM_CODE);
  return {
    // Sent back, in the initial metadata and in the trailing.
    header: entries.filter(([name]) => name.startsWith("x-crosswire-header")),
    trailer: entries.filter(([name]) => name.startsWith("x-crosswire-trailer")),
    // How the call ends, instead of its own status; undefined: with its own.
    code,
    message: text(last, "x-crosswire-status-message-bin"),
    details: last.get("x-crosswire-status-details-bin"),
    delayMs: number(last, "x-crosswire-delay-ms", MAXIMUM_DELAY_MS) ?? 0,
    size: number(last, "x-crosswire-size", MAXIMUM_SIZE_BYTES) ?? 0,
    // The text of the exception that ends the handler; undefined: none does.
    panic: last.get("x-crosswire-panic"),
  };
}

function number(entries, name, most) {
  const value = entries.get(name);
  if (value === undefined) {
    return undefined;
  }
  if (!/^[0-9]+$/.test(value) || Number(value) > most) {
    throw new DirectionError(
      `${name}: ${JSON.stringify(value)} is not a whole number from 0 to ${most}`,
    );
  }
  return Number(value);
}

function text(entries, name) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      entries.get(name),
    );
  } catch (error) {
    throw new DirectionError(`${name}: not UTF-8`, { cause: error });
  }
}

/**
 * The serialized message with zeros in an unknown field at its end, so that it is so long;
 * one that is as long already, or longer, stays as it is.
 *
 * @param {Uint8Array} message
 * @param {number} sizeBytes
 */
export function padded(message, sizeBytes) {
  const missing = sizeBytes - message.length;
  if (missing <= 0) {
    return message;
  }
  const head = paddingHead(missing);
  if (head === undefined) {
    throw new DirectionError(
      `x-crosswire-size: ${sizeBytes}: a message of ${message.length} bytes cannot be made ` +
        `${missing} bytes longer, which no field is; give another size`,
    );
  }
  const longer = Buffer.alloc(sizeBytes);
  longer.set(message);
  longer.set(head, message.length);
  return longer;
}

// The tag and the length of a field that is so many bytes long with them; undefined if they
// alone are longer, or if one more zero makes the length itself a byte longer.
function paddingHead(sizeBytes) {
  for (let lengthBytes = 1; lengthBytes <= 5; lengthBytes++) {
    const zeros = sizeBytes - PADDING_TAG.length - lengthBytes;
    const length = zeros < 0 ? [] : varint(zeros);
    if (length.length === lengthBytes) {
      return [...PADDING_TAG, ...length];
    }
  }
  return undefined;
}

function varint(value) {
  const groups = [];
  while (value >= 0x80) {
    groups.push((value & 0x7f) | 0x80);
    value >>>= 7;
  }
  return [...groups, value];
}
